/** The order of the frames of a series: by geometry when it is consistent, else by Instance Number. */
import type { Frame, Vector } from './instance';

export type Order = 'geometry' | 'number';

export interface Sorted {
  frames: Frame[];
  order: Order;
}

/**
 * By position along the normal when all frames are parallel, equally large and lie apart; the end that has the lower
 * Instance Numbers comes first, as the modality counted. Else by Instance Number and frame.
 */
export function sorted(frames: readonly Frame[]): Sorted {
  const byNumber = [...frames].sort(compareNumbers);
  const places = positions(byNumber);
  if (!places) return { frames: byNumber, order: 'number' };
  const along = byNumber.map((_, i) => i).sort((a, b) => (places[a] as number) - (places[b] as number));
  const gap = along.slice(1).some((index, i) => (places[index] as number) - (places[along[i] as number] as number) < 1e-3);
  if (gap) return { frames: byNumber, order: 'number' };
  if (falling(places)) along.reverse();
  return { frames: along.map((index) => byNumber[index] as Frame), order: 'geometry' };
}

export function normalOf(orientation: readonly number[]): Vector {
  const [a, b, c, d, e, f] = orientation as readonly [number, number, number, number, number, number];
  return [b * f - c * e, c * d - a * f, a * e - b * d];
}

/** Position along the common normal of each frame, or null when there is no common geometry. */
function positions(frames: readonly Frame[]): number[] | null {
  const first = frames[0];
  if (!first?.orientation || frames.length < 2) return null;
  const { orientation } = first;
  const normal = normalOf(orientation);
  if (Math.hypot(...normal) < 0.9) return null;
  const found: number[] = [];
  for (const frame of frames) {
    if (!frame.orientation || !frame.position) return null;
    if (frame.orientation.some((value, i) => Math.abs(value - (orientation[i] as number)) > 1e-2)) return null;
    const { rows, columns } = frame.instance.shape;
    if (rows !== first.instance.shape.rows || columns !== first.instance.shape.columns) return null;
    found.push(frame.position[0] * normal[0] + frame.position[1] * normal[1] + frame.position[2] * normal[2]);
  }
  return found;
}

/** Whether positions fall while numbers rise: the sign of their covariance. */
function falling(places: readonly number[]): boolean {
  const mean = places.reduce((sum, value) => sum + value, 0) / places.length;
  const middle = (places.length - 1) / 2;
  return places.reduce((sum, value, i) => sum + (value - mean) * (i - middle), 0) < 0;
}

function compareNumbers(a: Frame, b: Frame): number {
  const left = a.instance.number ?? Number.MAX_SAFE_INTEGER;
  const right = b.instance.number ?? Number.MAX_SAFE_INTEGER;
  if (left !== right) return left - right;
  if (a.instance.uid !== b.instance.uid) return a.instance.uid < b.instance.uid ? -1 : 1;
  return a.number - b.number;
}
