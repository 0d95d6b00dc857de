/** Between the viewer and the room: what this screen shows is told, and who follows is taken to what the presenter sees. */
import { batch, effect, untracked } from '@preact/signals';
import { at, pageOf } from '../../common/at';
import { active, change, isOpen, layout, loaded, loads, oneUp, PANES, panes, previewed, screen, series, show, stacks } from '../control/room';
import { closeMpr, mpr, openMpr } from '../control/mpr';
import { PICTURELESS } from '../dicom/series';
import { coded, decoded, nearest, placeOf } from '../mpr/geometry';
import type { View } from '../viewport';
import { besides, canStand, clear, follow as followBeside } from './beside';
import { layoutOf, shownBy, shownIn, told, wanted, type Arrangement, type Shown } from './panes';
import { cases, following, leads, looks, move, myCase, personOf, pointing, presenter, room, screens, status, type Case, type Place } from './room';
import { replay } from './replay';
import type { State } from './state';
import { rest } from './sound/recorder';
import { spoken } from './voice';

let pointer: readonly number[] | null = null;
/** What was applied last to each pane. */
const applied = new Map<number, string>();

/** Somebody's screen is to be followed: in a room, or in one that is replayed. */
const live = (): boolean => status.value === 'in' || status.value === 'replay';
/** The series on their way into panes. */
const going = new Map<number, string>();
/** How the panes were last arranged from here; "" when they were not. */
let arranged = '';
/** Where the style sheets show one column (styles/narrow.css). */
const narrow = matchMedia('(max-width: 760px)');

/** Follows from now on until the returned function is called. */
export function follow(): () => void {
  const stops = [effect(tell), effect(apply), effect(goToCase), effect(goToLook)];
  const free = (event: Event): void => {
    if (!following.value || leads.value || !live() || pointing.value) return;
    if (event.target instanceof Element && event.target.closest('.image, .scrollbar, .strip, .mpr-plane')) following.value = false;
  };
  const keys = (event: KeyboardEvent): void => {
    if (['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown', 'Home', 'End'].includes(event.key) && event.target === document.body) {
      if (live() && !leads.value) following.value = false;
    }
  };
  addEventListener('wheel', free, { capture: true, passive: true });
  addEventListener('pointerdown', free, { capture: true });
  addEventListener('keydown', keys, { capture: true });
  return () => {
    stops.forEach((stop) => stop());
    removeEventListener('wheel', free, { capture: true });
    removeEventListener('pointerdown', free, { capture: true });
    removeEventListener('keydown', keys, { capture: true });
  };
}

/** Where the pointer of this window is, in the active image; null when it points nowhere. */
export function point(at: readonly number[] | null): void {
  pointer = at;
  tell();
}

/** Column and row under a point of the page. */
export function pixelAt(view: View, element: Element, clientX: number, clientY: number): [number, number] | null {
  const { origin, onScreen, pixel } = view;
  if (!origin || !onScreen) return null;
  const box = element.getBoundingClientRect();
  const [x, y] = [clientX - box.left - origin[0], clientY - box.top - origin[1]];
  const [ax, ay] = [onScreen.row[0] * pixel[0], onScreen.row[1] * pixel[0]];
  const [bx, by] = [onScreen.column[0] * pixel[1], onScreen.column[1] * pixel[1]];
  const size = ax * by - ay * bx;
  if (!size) return null;
  const round = (value: number): number => Math.round(value * 10) / 10;
  return [round((x * by - y * bx) / size), round((y * ax - x * ay) / size)];
}

/** Where a column and row lie on the element of the viewport. */
export function onElement(view: View, [column = 0, row = 0]: readonly number[]): [number, number] | null {
  const { origin, onScreen, pixel } = view;
  if (!origin || !onScreen) return null;
  return [
    origin[0] + column * onScreen.row[0] * pixel[0] + row * onScreen.column[0] * pixel[1],
    origin[1] + column * onScreen.row[1] * pixel[0] + row * onScreen.column[1] * pixel[1],
  ];
}

/** How many frames of the study are here, and how many there are. */
export function readiness(): [number, number] {
  let total = 0;
  for (const one of series.value) {
    total += stacks.value.get(one.uid)?.frames.length ?? (PICTURELESS.has(one.modality) ? 0 : one.instances);
  }
  let have = 0;
  for (const [uid, { frames }] of stacks.value) if (!besides.value.has(uid)) for (const { id } of frames) have += Number(loaded.has(id) || previewed.has(id));
  return [Math.min(have, total), total];
}

/** How many panes stand side by side on this screen. */
const standing = (): number => (oneUp.value ? 1 : PANES[layout.value]);

function tell(): void {
  void loads.value;
  if (!['joining', 'in', 'cut'].includes(status.value)) return;
  const state: State = { c: myCase.value, r: readiness() };
  const camera = (index: number): readonly number[] | null | undefined => untracked(() => screen(index)?.camera);
  if (leads.value) Object.assign(state, told(panes.map((one) => one.value), { count: mpr.value ? 1 : standing(), on: active.value }, camera, besides.value));
  const pane = panes[active.value]?.value;
  if (pane?.view?.frame) {
    Object.assign(state, shownBy(pane, camera(active.value), besides.value));
    if (pointer) state.p = pointer;
  }
  if (mpr.value) {
    const { series: uid, volume, planes } = mpr.value;
    const { frame: middle } = nearest(volume, planes.centre);
    Object.assign(state, { s: uid, b: besides.value.get(uid), i: middle.instance.uid, f: middle.number, m: coded(planes) });
  }
  const speaks = spoken();
  if (speaks) state.v = speaks;
  move(state);
}

/** Takes the viewports to where the presenter is. */
function apply(): void {
  const key = presenter.value;
  const state = screens.value.get(personOf(key)?.n ?? -1);
  if (!following.value || leads.value || !live() || !state || state.c !== myCase.value) {
    forget();
    return;
  }
  void stacks.value;
  const to = wanted(state, narrow.matches);
  if (to && !arrange(to)) return;
  const on = to?.on ?? active.value;
  for (let index = 0; to && index < to.count; index++) {
    if (index !== on) put(index, shownIn(state, index, on));
  }
  if (!state.s || !state.i) {
    applied.delete(on);
    if (state.b !== undefined) put(on, {}); // of a case that is not shared with this reader
    return;
  }
  if (!bring(on, state.s, state.b) || !ready(on)) return;
  if (state.m) {
    untracked(() => applyPlanes(state));
    return;
  }
  if (opened) closePlanes();
  put(on, state);
}

function forget(): void {
  applied.clear();
  arranged = '';
}

/** Whether the pane's stack stands on its element. */
const ready = (index: number): boolean => panes[index]?.value.state === 'stack' && Boolean(panes[index].value.view && screen(index));

/** As many panes as the presenter has. False when the reader has arranged their own meanwhile: they look freely then. */
function arrange(to: Arrangement): boolean {
  const [key, now] = [JSON.stringify(to), standing()];
  if (key === arranged && now === to.count) return true;
  if (key === arranged) {
    following.value = false;
    return false;
  }
  arranged = key;
  applied.clear();
  // A frame around the pane that has the focus would look like that of the active one.
  if (to.count > 1 && document.activeElement instanceof HTMLElement && document.activeElement.matches('.pane')) document.activeElement.blur();
  untracked(() => batch(() => {
    if (now !== to.count || oneUp.value) [layout.value, oneUp.value] = [layoutOf(to), false];
    active.value = to.on;
  }));
  return true;
}

/** Sees to it that a pane has the series, of this case or of one beside; true when it is there. */
function bring(index: number, uid: string, beside?: number): boolean {
  const pane = panes[index]?.value;
  if (pane?.series === uid && pane.state !== 'empty') return !going.has(index);
  const one = cases.value.find(({ position }) => position === beside);
  if (going.get(index) === uid || !(one ? canStand(one) : series.value.some((each) => each.uid === uid))) return false;
  going.set(index, uid);
  applied.delete(index);
  void untracked(() => (one ? followBeside(index, one, uid) : show(index, uid))).finally(() => {
    if (going.get(index) === uid) going.delete(index);
    untracked(apply);
  });
  return false;
}

/** The case of what the presenter shows in this pane, when it is not for this reader; else null. */
export function unshared(index: number): number | null {
  const state = screens.value.get(personOf(presenter.value)?.n ?? -1);
  if (!state || !following.value || leads.value || !live()) return null;
  const to = wanted(state, narrow.matches);
  if (!to || index >= to.count) return null;
  const { s, b } = shownIn(state, index, to.on);
  return !s && b !== undefined ? b : null;
}

/** One pane as the presenter has it; empty when theirs is. */
function put(index: number, shown: Shown): void {
  const { s, i, f = 1, w, z, b } = shown;
  if (!s) {
    if (panes[index]?.value.state !== 'empty') untracked(() => clear(index));
    return;
  }
  if (!bring(index, s, b) || !i || !ready(index)) return;
  const [on, view] = [screen(index), panes[index]?.value.view];
  if (!on || !view) return;
  if (view.frame?.instance.uid !== i || view.frame.number !== f) {
    applied.delete(index);
    const at = placeIn(s, i, f);
    if (at >= 0) untracked(() => on.go(at));
    return;
  }
  // A stack whose image is still on its way gets its own window and camera with it; boxes that change show another extent.
  if (view.waiting) return;
  const look = JSON.stringify([i, f, w, z, on.element.clientWidth, on.element.clientHeight]);
  if (look === applied.get(index)) return;
  applied.set(index, look);
  untracked(() => {
    windowOf(shown, index);
    if (z) on.setCamera(z);
  });
}

/** Where an image stands in its stack; -1 when it does not. */
const placeIn = (uid: string, sop: string, number: number): number =>
  stacks.value.get(uid)?.frames.findIndex((frame) => frame.instance.uid === sop && frame.number === number) ?? -1;

/** What was applied last to the planes; "" when they were not opened from here. */
let opened = '';

/** The same three planes as the presenter's, with the same window. */
function applyPlanes({ s: uid = '', m = [], ...state }: State): void {
  const look = JSON.stringify([uid, m, state.w]);
  const planes = decoded(m);
  if (!planes || (look === opened && mpr.value)) return;
  opened = look;
  applied.clear();
  windowOf(state);
  if (mpr.value?.series === uid) mpr.value = { ...mpr.value, planes };
  else void openMpr(uid, planes).then((done) => { if (!done) opened = ''; }, () => (opened = ''));
}

function closePlanes(): void {
  opened = '';
  untracked(closeMpr);
}

function windowOf(shown: Shown, index = active.value): void {
  const [on, view] = [screen(index), panes[index]?.value.view];
  const [center = 0, width = 0, inverted = 0] = shown.w ?? [];
  if (width > 0) on?.setWindow({ center, width, fn: 'LINEAR' });
  else if (view?.chosen) on?.setDefault();
  if (Boolean(inverted) !== view?.invert) on?.setInvert(Boolean(inverted));
}

/** The room is at another case: who follows goes there; the page of that study enters the room again. */
function goToCase(): void {
  const to = cases.value.find((one) => one.position === room.value?.step);
  if (!to?.StudyInstanceUID || isOpen(to) || !live()) return;
  if (following.value || leads.value) toCase(to);
}

export function toCase(to: Case): void {
  const now = replay.value;
  const where = now ? `replay=${room.value?.code ?? ''}&at=${Math.round(now.at - now.from)}` : `room=${room.value?.code ?? ''}`;
  opened = '';
  forget();
  // Where the study cannot be opened in place, the page of the study says why.
  untracked(() => void change(to.StudyInstanceUID ?? '', at(to.hospital)).catch(() => rest().finally(() => location.assign(`${pageOf(to)}#${where}`))));
}

/** *Look here* takes those who follow to the image, and the others when they ask. */
function goToLook(): void {
  const newest = looks.value.at(-1);
  if (newest && Date.now() - newest.at < 2000 && following.value && !leads.value) untracked(() => void toPlace(newest));
}

export async function toPlace(place: Place): Promise<void> {
  const to = cases.value.find((one) => one.position === place.case);
  if (to?.StudyInstanceUID && !isOpen(to) && !besides.value.has(place.SeriesInstanceUID)) {
    toCase(to);
    for (let tries = 0; tries < 100 && !panes[active.value]?.value.view; tries++) await new Promise((wait) => setTimeout(wait, 100));
  }
  const { SeriesInstanceUID: inSeries, SOPInstanceUID: sop } = place;
  const index = mpr.value ? active.value : paneOf(inSeries, sop, place.frame);
  if (panes[index]?.value.series !== inSeries) await show(index, inSeries);
  const at = placeIn(inSeries, sop, place.frame);
  if (at < 0) return;
  if (mpr.value?.series === inSeries) {
    const [x = 0, y = 0, z = 0] = place.place ?? placeOf(mpr.value.volume, [place.point[0] ?? 0, place.point[1] ?? 0, at]);
    mpr.value = { ...mpr.value, planes: { ...mpr.value.planes, centre: [x, y, z] } };
  } else screen(index)?.go(at);
}

/** The pane that shows the image, else one that shows its series, else the active one. */
function paneOf(uid: string, sop: string, number: number): number {
  const shown = oneUp.value ? [active.value] : [active.value, ...Array(standing()).keys()];
  const frameOf = (index: number) => panes[index]?.value.view?.frame;
  return shown.find((index) => frameOf(index)?.instance.uid === sop && frameOf(index)?.number === number)
    ?? shown.find((index) => panes[index]?.value.series === uid) ?? active.value;
}
