/** What moves on a screen, as it crosses the wire: differences, and UIDs as what they do not share with the one before. */

export type Nth = 0 | 1 | 2 | 3;
/** What the panes show that are not active, by the number of the pane: series, instance, frame, window, camera, case beside. */
type Others = Partial<Record<`s${Nth}` | `i${Nth}`, string> & Record<`f${Nth}` | `b${Nth}`, number> & Record<`w${Nth}` | `z${Nth}`, readonly number[]>>;

export interface State extends Others {
  /** Position of the case on the agenda. */
  c?: number;
  /** Series Instance UID, SOP Instance UID, frame from 1. */
  s?: string;
  i?: string;
  f?: number;
  /** Centre, width, inverted 0 or 1; absent: as the image asks. */
  w?: readonly number[];
  /** Focal point x, y, z in mm, extent of the smaller side in mm, rotation in degrees, flipped 0 or 1 twice. */
  z?: readonly number[];
  /** Three planes: cross-hair, two axes, middle of the screens and extent, in mm (mpr/geometry.ts, `coded`). */
  m?: readonly number[];
  /** Column and row of the pointer in the frame; or x, y, z in the patient, in mm, on one of three planes. */
  p?: readonly number[];
  /** Frames that are here, frames there are. */
  r?: readonly number[];
  /** Speaks 0, is muted 1 or only hears 2; camera 0 or 1. There for who is in the call. */
  v?: readonly number[];
  /** Position of the case of the image, where that is another one put beside. */
  b?: number;
  /** Panes side by side (1, 2 or 4) and the active one, from 0. */
  l?: readonly number[];
}

export type Change = Record<string, unknown>;

const UIDS = /^[si][0-3]?$/;
const SHARED = 6;

/** The state after a difference. */
export function merged(known: State, change: Change): State {
  const next: Record<string, unknown> = { ...known };
  for (const [field, value] of Object.entries(change)) {
    if (value === null) delete next[field];
    else if (UIDS.test(field) && Array.isArray(value)) {
      const [shared, rest] = value as [number, string];
      next[field] = textOf(next[field]).slice(0, shared) + rest;
    } else next[field] = value;
  }
  return next;
}

/** What turns the one into the other; null when nothing does. */
export function difference(old: State, next: State): Change | null {
  const change: Change = {};
  const before = old as Record<string, unknown>;
  const after = next as Record<string, unknown>;
  for (const [field, value] of Object.entries(after)) {
    if (value === undefined || same(before[field], value)) continue;
    change[field] = UIDS.test(field) ? shortened(textOf(before[field]), textOf(value)) : value;
  }
  for (const field of Object.keys(before)) if (after[field] === undefined) change[field] = null;
  return Object.keys(change).length ? change : null;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((value, index) => value === other[index]);
  return one === other;
}

function shortened(before: string, value: string): unknown {
  let shared = 0;
  while (shared < before.length && before[shared] === value[shared]) shared += 1;
  return shared >= SHARED ? [shared, value.slice(shared)] : value;
}
