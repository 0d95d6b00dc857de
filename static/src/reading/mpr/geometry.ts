/** Planes through a stack of slices: where they lie in the patient, and what is on them. Millimetres, LPS (PS3.3 C.7.6.2.1.1). */
import type { Frame } from '../dicom/instance';
import { normalOf } from '../dicom/sorting';
import type { Values } from '../pixels/grey';

export type Point = readonly [number, number, number];

/** Slices that lie evenly: the centre of the first pixel, and one step along a row, down a column and to the next slice. */
export interface Volume {
  frames: readonly Frame[];
  origin: Point;
  steps: readonly [Point, Point, Point];
  size: readonly [number, number, number];
  /** What turns a place in the patient into steps: the inverse of `steps`, by rows. */
  inverse: readonly [Point, Point, Point];
  centre: Point;
  /** Of its box, in millimetres along the longest diagonal. */
  extent: number;
}

/** Three planes that stand on one another: the cross-hair's place and its axes; `look` is what stands in the middle of the
 * screens, `extent` the millimetres of the shorter side of a screen. */
export interface Planes {
  centre: Point;
  /** The axes that are patient left, posterior and head while nothing was turned. */
  axes: readonly [Point, Point, Point];
  look: Point;
  extent: number;
}

export const AXIAL = 0;
export const CORONAL = 1;
export const SAGITTAL = 2;
export type Which = 0 | 1 | 2;
export const ALL: readonly Which[] = [AXIAL, CORONAL, SAGITTAL];

const FEWEST = 4;
/** How far a slice may lie from where an even stack has it, as a part of the distance between slices. */
const UNEVEN = 0.15;

export const dot = (a: Point, b: Point): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const plus = (a: Point, b: Point, by = 1): Point => [a[0] + b[0] * by, a[1] + b[1] * by, a[2] + b[2] * by];
export const minus = (a: Point, b: Point): Point => plus(a, b, -1);
const times = (a: Point, by: number): Point => [a[0] * by, a[1] * by, a[2] * by];
const cross = (a: Point, b: Point): Point => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = (a: Point): Point => times(a, 1 / (Math.hypot(...a) || 1));

/** The volume of a stack; null when its slices do not lie evenly, have colours, or no millimetres of the patient. */
export function volumeOf(frames: readonly Frame[]): Volume | null {
  const [first, last] = [frames[0], frames[frames.length - 1]];
  if (!first || !last || frames.length < FEWEST) return null;
  const { orientation, position, spacing, instance: { shape } } = first;
  if (!orientation || !position || !last.position || shape.samples !== 1 || first.spacingSource === 'none') return null;
  const across = unit(three(orientation, 0));
  const down = unit(three(orientation, 3));
  const between = times(minus(last.position, position), 1 / (frames.length - 1));
  const gap = Math.abs(dot(between, normalOf(orientation)));
  if (gap < 1e-3) return null;
  for (const [index, frame] of frames.entries()) {
    if (!frame.position || Math.hypot(...minus(frame.position, plus(position, between, index))) > UNEVEN * gap) return null;
    if (frame.spacing[0] !== spacing[0] || frame.spacing[1] !== spacing[1]) return null;
  }
  const steps: [Point, Point, Point] = [times(across, spacing[1]), times(down, spacing[0]), between];
  const size: [number, number, number] = [shape.columns, shape.rows, frames.length];
  const middle = steps.reduce<Point>((at, step, axis) => plus(at, step, ((size[axis] as number) - 1) / 2), position);
  const extent = Math.hypot(...steps.map((step, axis) => Math.hypot(...step) * (size[axis] as number)));
  return { frames, origin: position, steps, size, inverse: inverted(steps), centre: middle, extent };
}

function inverted([a, b, c]: readonly [Point, Point, Point]): [Point, Point, Point] {
  const size = dot(a, cross(b, c));
  return [times(cross(b, c), 1 / size), times(cross(c, a), 1 / size), times(cross(a, b), 1 / size)];
}

/** A place in the patient as column, row and slice, all from 0. */
export function indexOf({ origin, inverse }: Volume, at: Point): Point {
  const from = minus(at, origin);
  return [dot(inverse[0], from), dot(inverse[1], from), dot(inverse[2], from)];
}

export function placeOf({ origin, steps }: Volume, [column, row, slice]: Point): Point {
  return plus(plus(plus(origin, steps[0], column), steps[1], row), steps[2], slice);
}

/** The image that is nearest to a place, and where on it the place is: column and row. */
export function nearest(volume: Volume, at: Point): { frame: Frame; index: number; point: [number, number] } {
  const [column, row, slice] = indexOf(volume, at);
  const index = Math.min(volume.size[2] - 1, Math.max(0, Math.round(slice)));
  return { frame: volume.frames[index] as Frame, index, point: [tenth(column), tenth(row)] };
}

const three = (numbers: readonly number[], from: number): Point => [numbers[from] ?? 0, numbers[from + 1] ?? 0, numbers[from + 2] ?? 0];
const tenth = (value: number): number => Math.round(value * 10) / 10;

/** A place on one image: column, row, and how many millimetres it lies off it; null when the image has no place itself. */
export function onFrame({ position, orientation, spacing }: Frame, at: Point): { point: [number, number]; off: number } | null {
  if (!position || !orientation) return null;
  const from = minus(at, position);
  const [across, down] = [three(orientation, 0), three(orientation, 3)];
  return { point: [tenth(dot(from, across) / spacing[1]), tenth(dot(from, down) / spacing[0])], off: Math.abs(dot(from, normalOf(orientation))) };
}

/** What begins: the middle of the volume, along the patient, all of it on the screens. */
export function planesOf(volume: Volume, at: Point = volume.centre): Planes {
  const sides = [0, 1, 2].map((axis) => volume.steps.reduce((sum, step, n) => sum + Math.abs(step[axis as 0]) * (volume.size[n] as number), 0));
  return { centre: inside(volume, at), axes: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], look: volume.centre, extent: Math.max(...sides) * 1.04 };
}

/** The place, or the nearest one that is inside. */
export function inside(volume: Volume, at: Point): Point {
  const index = indexOf(volume, at).map((value, axis) => Math.min((volume.size[axis] as number) - 1, Math.max(0, value)));
  return placeOf(volume, index as unknown as Point);
}

/** To the right and down on the screen, and the normal of the plane: axial from the feet, coronal from in front, sagittal from
 * the left. However the planes were turned, the patient stays upright. */
export function screenOf({ axes }: Planes, which: Which): { right: Point; down: Point; normal: Point } {
  const normal = axes[2 - which] as Point;
  const towards: Point = UPRIGHT[which];
  const level = minus(towards, times(normal, dot(towards, normal)));
  const right = unit(Math.hypot(...level) > 0.2 ? level : axes[which === SAGITTAL ? 1 : 0]);
  return { right, down: which === SAGITTAL ? cross(right, normal) : cross(normal, right), normal };
}

const UPRIGHT: readonly [Point, Point, Point] = [[1, 0, 0], [1, 0, 0], [0, 1, 0]];

/** Where another plane cuts this one: a direction on its screen, right and down. */
export function lineOf(planes: Planes, which: Which, other: Which): [number, number] {
  const { right, down, normal } = screenOf(planes, which);
  const along = unit(cross(normal, planes.axes[2 - other] as Point));
  return [dot(along, right), dot(along, down)];
}

/** What stands in the middle of a screen. */
export function middleOf(planes: Planes, which: Which): Point {
  const { normal } = screenOf(planes, which);
  return plus(planes.look, normal, Math.round(dot(minus(planes.centre, planes.look), normal) * 1e4) / 1e4);
}

/** Turns the two other planes about the normal of this one, through the cross-hair; radians, clockwise on its screen. */
export function turned(planes: Planes, which: Which, by: number): Planes {
  const { right, down } = screenOf(planes, which);
  const turn = (axis: Point): Point => {
    const [x, y] = [dot(axis, right), dot(axis, down)];
    const rest = minus(minus(axis, times(right, x)), times(down, y));
    const [cos, sin] = [Math.cos(by), Math.sin(by)];
    return unit(plus(plus(rest, right, x * cos - y * sin), down, x * sin + y * cos));
  };
  const [left, back] = [turn(planes.axes[0]), turn(planes.axes[1])];
  return { ...planes, axes: [left, back, unit(cross(left, back))] };
}

/** A step along the normal that is as long as the volume is finely made there. */
export function stepOf(volume: Volume, along: Point): number {
  return Math.min(...volume.steps.map((step) => {
    const [size, part] = [Math.hypot(...step), Math.abs(dot(unit(step), along))];
    return part > 0.2 ? size / part : Infinity;
  }));
}

/** The values on a plane, `width` × `height`, `mm` apart, around `middle`; NaN outside, where a slice is not here, and where
 * there is no pixel. Between voxels they are interpolated linearly. */
export function sampled(
  volume: Volume, slices: readonly (Slice | null)[], middle: Point, right: Point, down: Point, mm: number, width: number, height: number, out: Float32Array,
): void {
  const { inverse, size: [columns, rows, count] } = volume;
  const start = indexOf(volume, plus(plus(middle, right, (-mm * (width - 1)) / 2), down, (-mm * (height - 1)) / 2));
  const by = (axis: Point): Point => [dot(inverse[0], axis) * mm, dot(inverse[1], axis) * mm, dot(inverse[2], axis) * mm];
  const [dx, dy] = [by(right), by(down)];
  for (let y = 0, at = 0; y < height; y++) {
    let [i, j, k] = plus(start, dy, y);
    for (let x = 0; x < width; x++, at++, i += dx[0], j += dx[1], k += dx[2]) {
      // Half a voxel around the volume belongs to it, as it does on the slices themselves.
      if (i < -0.5 || j < -0.5 || k < -0.5 || i > columns - 0.5 || j > rows - 0.5 || k > count - 0.5) {
        out[at] = NaN;
        continue;
      }
      const column = within(i, columns);
      const row = within(j, rows);
      const slice = within(k, count);
      const below = Math.floor(slice);
      const part = slice - below;
      const value = onSlice(slices[below], columns, rows, column, row);
      out[at] = part < 1e-6 ? value : value + (onSlice(slices[below + 1], columns, rows, column, row) - value) * part;
    }
  }
}

/** The values of one slice after the Modality LUT. */
export interface Slice {
  values: Values;
  padding: readonly [number, number] | null;
}

const within = (value: number, count: number): number => (value < 0 ? 0 : value > count - 1 ? count - 1 : value);

function onSlice(slice: Slice | null | undefined, columns: number, rows: number, column: number, row: number): number {
  if (!slice) return NaN;
  const { values, padding } = slice;
  const left = Math.floor(column);
  const top = Math.floor(row);
  const x = column - left;
  const y = row - top;
  const at = top * columns + left;
  const next = left + 1 < columns ? 1 : 0;
  const under = top + 1 < rows ? columns : 0;
  const [a, b, c, d] = [values[at] as number, values[at + next] as number, values[at + under] as number, values[at + under + next] as number];
  if (padding) {
    for (const one of [a, b, c, d]) if (one >= padding[0] && one <= padding[1]) return NaN;
  }
  const upper = a + (b - a) * x;
  return upper + (c + (d - c) * x - upper) * y;
}

/** On the wire: the cross-hair, two of the axes, the middle of the screens and the extent. */
export function coded({ centre, axes, look, extent }: Planes): number[] {
  const fine = (value: number): number => Math.round(value * 1e4) / 1e4;
  return [...centre.map(tenth), ...axes[0].map(fine), ...axes[1].map(fine), ...look.map(tenth), tenth(extent)];
}

/** What was coded; null when it is nothing of the kind. */
export function decoded(numbers: readonly number[]): Planes | null {
  const [left, back] = [unit(three(numbers, 3)), unit(three(numbers, 6))];
  const extent = numbers[12] ?? 0;
  if (numbers.length !== 13 || extent <= 0 || Math.abs(dot(left, back)) > 0.01 || Math.hypot(...left) < 0.9 || Math.hypot(...back) < 0.9) return null;
  return { centre: three(numbers, 0), axes: [left, back, unit(cross(left, back))], look: three(numbers, 9), extent };
}
