/** Another case of the room beside the one that is open: its series are lent to this page for as long as they may be seen. */
import { batch, effect, signal, untracked } from '@preact/signals';
import { get } from '../../common/api';
import { at } from '../../common/at';
import { closeMpr, mpr } from '../control/mpr';
import { active, idOf, layout, lend, mount, oneUp, PANES, panes, show, stacks, studyPlace, studyUid, takeBack, theViewer } from '../control/room';
import { link } from '../dicom/link';
import { elsewhere } from '../dicom/place';
import { opening } from '../dicom/transport';
import { cases, room, status, type Case, type RoomRow } from './room';

/** By series that are lent: the position of their case. */
export const besides = signal<ReadonlyMap<string, number>>(new Map());
const LOOK_MS = 4000;

/** Whether a case can stand beside the open one: it may be seen, and its UID is not that of the open study, at whichever hospital. */
export const canStand = ({ StudyInstanceUID }: Case): boolean => StudyInstanceUID !== null && StudyInstanceUID !== studyUid.value;

/** Puts a case into the pane after the active one, or where it stands already; of several panes there are then at least two. */
export async function putBeside(one: Case, series: string | null = null): Promise<void> {
  const uid = await borrow(one, series);
  batch(() => {
    oneUp.value = false;
    if (PANES[layout.value] === 1) layout.value = '1x2';
  });
  const count = PANES[layout.value];
  const there = panes.findIndex(({ value }, index) => index < count && value.series !== null && besides.value.get(value.series) === one.position);
  await show(there >= 0 ? there : (active.value + 1) % count, uid);
}

/** Brings a series of another case into a pane, as somebody else has it. */
export async function follow(index: number, one: Case, uid: string): Promise<void> {
  const pane = panes[index];
  if (!pane) return;
  pane.value = { series: uid, state: 'reading', view: null };
  try {
    if (!besides.value.has(uid)) await borrow(one, uid);
  } catch {
    if (pane.value.series === uid) pane.value = { series: uid, state: 'failed', view: null };
    return;
  }
  if (pane.value.series === uid) await show(index, uid);
}

async function borrow(one: Case, series: string | null): Promise<string> {
  const [of, before, uid] = [studyPlace.value, at(one.hospital), one.StudyInstanceUID ?? ''];
  const door = `${before}/dicom-web`;
  const opened = await opening(uid, series, link.slow !== false, door);
  if (studyPlace.value !== of) throw new Error('another study was opened meanwhile');
  elsewhere.set(uid, before);
  lend(opened, door);
  besides.value = new Map(besides.value).set(opened.series, one.position);
  return opened.series;
}

/** An empty pane, with nothing of before on its element. */
export function clear(index: number): void {
  const pane = panes[index];
  const element = document.getElementById(`viewport-${idOf(index)}`);
  if (!pane) return;
  pane.value = { series: null, state: 'empty', view: null };
  theViewer()?.disable(idOf(index));
  if (element instanceof HTMLDivElement) void mount(index, element);
}

/** Nothing of it stays: not in a pane, not in memory. */
function giveBack(uid: string): void {
  if (mpr.value?.series === uid) closeMpr();
  panes.forEach(({ value }, index) => {
    if (value.series === uid) clear(index);
  });
  for (const frame of stacks.value.get(uid)?.frames ?? []) theViewer()?.forget(frame);
  takeBack(uid);
  const next = new Map(besides.value);
  next.delete(uid);
  besides.value = next;
}

/** Sees to it from now on that what may not be seen any more goes, and what was lent when the room is left. */
export function watchBesides(): void {
  let of = studyPlace.peek();
  effect(() => {
    if (studyPlace.value === of) return;
    of = studyPlace.value;
    besides.value = new Map();
  });
  effect(() => {
    const seen = new Set(cases.value.filter((one) => one.StudyInstanceUID).map((one) => one.position));
    const here = ['joining', 'in', 'cut', 'replay'].includes(status.value);
    for (const [uid, position] of besides.value) if (!here || !seen.has(position)) untracked(() => giveBack(uid));
  });
  // A room tells who may see what; of one that is over it is asked.
  setInterval(() => {
    if (status.value !== 'replay' || !besides.value.size || !room.value) return;
    get<RoomRow>(`/api/rooms/${room.value.code}`).then((row) => (cases.value = row.cases ?? []), () => (cases.value = []));
  }, LOOK_MS);
}
