/** Which panes stand side by side and what they show, as a state tells it: pure, so that it can be tested without images. */
import type { Layout, Pane } from '../control/room';
import type { View } from '../viewport';
import type { Nth, State } from './state';

const LAYOUTS: Readonly<Record<number, Layout>> = { 1: '1x1', 2: '1x2', 4: '2x2' };

export interface Arrangement {
  count: number;
  /** The active pane, from 0. */
  on: number;
}

/** What one pane shows. */
export type Shown = Pick<State, 's' | 'i' | 'f' | 'w' | 'z' | 'b'>;

/** Where the camera of a pane looks. */
type Cameras = (index: number) => readonly number[] | null | undefined;
/** The case of a series that is put beside the room's case; undefined of one that is of this case. */
export type Besides = ReadonlyMap<string, number>;

/** What one pane shows, once its image is that of its series. */
export function shownBy({ series, view }: Pane, camera: readonly number[] | null | undefined, besides: Besides): Shown {
  if (!series) return {};
  const frame = view?.frame;
  const shown: Shown = { s: series };
  const beside = besides.get(series);
  if (beside !== undefined) shown.b = beside;
  if (!view || frame?.instance.series !== series) return shown;
  Object.assign(shown, { i: frame.instance.uid, f: frame.number });
  if (camera) shown.z = camera;
  const window = windowOf(view);
  if (window) shown.w = window;
  return shown;
}

/** The window when somebody chose one, and whether it is inverted. */
function windowOf({ voi, chosen, invert }: View): readonly number[] | null {
  const tenth = (value: number): number => Math.round(value * 10) / 10;
  if (voi?.kind === 'window' && chosen) return [tenth(voi.window.center), tenth(voi.window.width), Number(invert)];
  return invert ? [0, 0, 1] : null;
}

/** What a presenter tells of the panes: how many, which is active, and what the others show. */
export function told(panes: readonly Pane[], { count, on }: Arrangement, camera: Cameras, besides: Besides): State {
  if (count < 2) return { l: [1, 0] };
  const state: Record<string, unknown> = { l: [count, on] };
  panes.slice(0, count).forEach((pane, index) => {
    if (index === on) return;
    for (const [field, value] of Object.entries(shownBy(pane, camera(index), besides))) state[`${field}${index}`] = value;
  });
  return state;
}

/** How a follower arranges the panes: as the presenter; one on a narrow screen; null when nothing is told of it. */
export function wanted({ l }: State, narrow: boolean): Arrangement | null {
  const [count = 0, on = 0] = l ?? [];
  if (!LAYOUTS[count]) return null;
  return narrow || count === 1 ? { count: 1, on: 0 } : { count, on };
}

export const layoutOf = ({ count }: Arrangement): Layout => LAYOUTS[count] ?? '1x1';

/** What the presenter's pane of this number shows; the active one's is told without a number. */
export function shownIn(state: State, index: number, on: number): Shown {
  if (index === on) return state;
  const nth = index as Nth;
  return { s: state[`s${nth}`], i: state[`i${nth}`], f: state[`f${nth}`], w: state[`w${nth}`], z: state[`z${nth}`], b: state[`b${nth}`] };
}
