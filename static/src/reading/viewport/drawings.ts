/** Drawings as Cornerstone keeps them: made from ours, read back as ours. Points on the wire are pixels of the frame. */
import type { Types } from '@cornerstonejs/core';
import { annotation as annotations } from '@cornerstonejs/tools';
import { DRAWN_WITH, type Drawing, type DrawingTool, type Look, type Point } from '../control/drawing';
import type { Frame } from '../dicom/instance';
import { frameOf, imageIdOf, SCHEME } from './provider';

type Raw = ReturnType<typeof annotations.state.getAllAnnotations>[number];
type World = [number, number, number];

const TOOLS: Readonly<Record<DrawingTool, string>> = {
  length: 'Length', angle: 'Angle', ellipse: 'EllipticalROI', rectangle: 'RectangleROI', probe: 'Probe', arrow: 'ArrowAnnotate',
};

export const all = (): Raw[] => annotations.state.getAllAnnotations();

/** The drawing of this id; null when it is not one we keep, or is not finished. */
export function read(id: string, corner: number): Drawing | null {
  const raw = annotations.state.getAnnotation(id);
  const frame = frameOf(raw?.metadata?.referencedImageId ?? '');
  const tool = (Object.keys(TOOLS) as DrawingTool[]).find((one) => TOOLS[one] === raw?.metadata?.toolName);
  const points = raw?.data.handles?.points ?? [];
  if (!frame || !tool || points.length !== DRAWN_WITH[tool]) return null;
  const box = raw?.data.handles?.textBox;
  return {
    id, tool, frame: frame.id,
    points: points.map((point) => onFrame(point, frame, corner)),
    box: box?.hasMoved && box.worldPosition ? onFrame(box.worldPosition, frame, corner) : null,
  };
}

/** Shows a drawing, or shows it anew; false while its frame is not known. */
export function place(drawing: Drawing, look: Look, corner: number): boolean {
  const frame = frameOf(`${SCHEME}:${drawing.frame}`);
  if (!frame) return false;
  const known = annotations.state.getAnnotation(drawing.id) as Raw | undefined;
  const raw = known ?? made(drawing, frame);
  raw.invalidated = true;
  const data = raw.data as { label?: string; by?: string; handles: Record<string, unknown> };
  data.label = drawing.tool === 'arrow' ? [look.text, look.by].filter(Boolean).join(' · ') || ' ' : look.text;
  data.by = look.by;
  data.handles['points'] = drawing.points.map((point) => inWorld(point, frame, corner));
  data.handles['textBox'] = boxOf(drawing.box && inWorld(drawing.box, frame, corner));
  if (!known) annotations.state.addAnnotation(raw, undefined as unknown as string);
  annotations.config.style.setAnnotationStyles(drawing.id, styled(look.colour));
  annotations.locking.setAnnotationLocked(drawing.id, look.locked);
  annotations.visibility.setAnnotationVisibility(drawing.id, !look.hidden);
  return true;
}

export function drop(id: string): void {
  if (!annotations.state.getAnnotation(id)) return;
  annotations.selection.setAnnotationSelected(id, false);
  annotations.state.removeAnnotation(id);
}

/** The drawing that is selected and may be changed. */
export function selected(): string | undefined {
  return annotations.selection.getAnnotationsSelected().find((id) => !annotations.locking.isAnnotationLocked(id));
}

export function select(id: string): void {
  if (annotations.state.getAnnotation(id)) annotations.selection.setAnnotationSelected(id, true);
}

function made(drawing: Drawing, frame: Frame): Raw {
  const [row, column] = axes(frame);
  return {
    annotationUID: drawing.id, highlighted: false, invalidated: true, isLocked: false, isVisible: true,
    metadata: {
      toolName: TOOLS[drawing.tool],
      FrameOfReferenceUID: frame.instance.frameOfReference,
      referencedImageId: imageIdOf(frame),
      viewPlaneNormal: cross(row, column) as Types.Point3,
      viewUp: column.map((one) => -one) as Types.Point3,
    },
    data: { label: '', cachedStats: {}, handles: { points: [], activeHandleIndex: null, textBox: boxOf(null), ...(drawing.tool === 'arrow' ? { arrowFirst: true } : {}) } },
  } as unknown as Raw;
}

function boxOf(at: World | null): unknown {
  const corner: World = [0, 0, 0];
  return {
    hasMoved: at !== null, worldPosition: at ?? corner,
    worldBoundingBox: { topLeft: corner, topRight: corner, bottomLeft: corner, bottomRight: corner },
  };
}

function styled(colour: string): Record<string, string> {
  return {
    color: colour, colorHighlighted: 'rgb(140, 198, 255)', colorSelected: 'rgb(140, 198, 255)', colorLocked: colour,
    textBoxColor: colour, textBoxColorHighlighted: 'rgb(170, 212, 255)', textBoxColorSelected: 'rgb(170, 212, 255)', textBoxColorLocked: colour,
  };
}

/** Column and row of a point of the world. `corner` is half a pixel where Cornerstone counts from the corner of the first
 * pixel (in software) and not from its centre. */
export function onFrame(point: readonly number[], frame: Frame | undefined, corner = 0): Point {
  const [row, column] = axes(frame);
  const from = frame?.position ?? [0, 0, 0];
  const along = (axis: World): number => [0, 1, 2].reduce((sum, i) => sum + ((point[i] ?? 0) - (from[i] ?? 0)) * (axis[i] ?? 0), 0);
  return [along(row) / (frame?.spacing[1] ?? 1) - corner, along(column) / (frame?.spacing[0] ?? 1) - corner];
}

function inWorld([x, y]: Point, frame: Frame, corner: number): World {
  const [row, column] = axes(frame);
  const from = frame.position ?? [0, 0, 0];
  const [across, down] = [(x + corner) * frame.spacing[1], (y + corner) * frame.spacing[0]];
  return [0, 1, 2].map((i) => (from[i] ?? 0) + across * (row[i] ?? 0) + down * (column[i] ?? 0)) as World;
}

function axes(frame: Frame | undefined): [World, World] {
  const orientation = frame?.orientation ?? [1, 0, 0, 0, 1, 0];
  return [orientation.slice(0, 3) as World, orientation.slice(3, 6) as World];
}

function cross([a, b, c]: World, [d, e, f]: World): number[] {
  return [b * f - c * e, c * d - a * f, a * e - b * d];
}
