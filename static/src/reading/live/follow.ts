/** Between the viewer and the room: what this screen shows is told, and who follows is taken to what the presenter sees. */
import { effect, untracked } from '@preact/signals';
import { at, pageOf } from '../../common/at';
import { active, change, isOpen, loaded, loads, panes, previewed, screen, series, show, stacks } from '../control/room';
import { closeMpr, mpr, openMpr } from '../control/mpr';
import { PICTURELESS } from '../dicom/series';
import { coded, decoded, nearest, placeOf } from '../mpr/geometry';
import type { View } from '../viewport';
import { cases, following, leads, looks, move, myCase, personOf, pointing, presenter, room, screens, status, type Case, type Place } from './room';
import { replay } from './replay';
import type { State } from './state';
import { rest } from './sound/recorder';
import { spoken } from './voice';

let pointer: readonly number[] | null = null;
let applied = '';

/** Somebody's screen is to be followed: in a room, or in one that is replayed. */
const live = (): boolean => status.value === 'in' || status.value === 'replay';
let going: string | null = null;

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
  for (const { frames } of stacks.value.values()) for (const { id } of frames) have += Number(loaded.has(id) || previewed.has(id));
  return [Math.min(have, total), total];
}

function tell(): void {
  void loads.value;
  if (!['joining', 'in', 'cut'].includes(status.value)) return;
  const state: State = { c: myCase.value, r: readiness() };
  const view = panes[active.value]?.value.view;
  const frame = view?.frame;
  if (frame && view) {
    Object.assign(state, { s: frame.instance.series, i: frame.instance.uid, f: frame.number });
    const camera = untracked(() => screen()?.camera);
    if (camera) state.z = camera;
    const window = view.voi?.kind === 'window' && view.chosen ? view.voi.window : null;
    if (window) state.w = [Math.round(window.center * 10) / 10, Math.round(window.width * 10) / 10, Number(view.invert)];
    else if (view.invert) state.w = [0, 0, 1];
    if (pointer) state.p = pointer;
  }
  if (mpr.value) {
    const { series: uid, volume, planes } = mpr.value;
    const { frame: middle } = nearest(volume, planes.centre);
    Object.assign(state, { s: uid, i: middle.instance.uid, f: middle.number, m: coded(planes) });
  }
  const speaks = spoken();
  if (speaks) state.v = speaks;
  move(state);
}

/** Takes the active viewport to where the presenter is. */
function apply(): void {
  const key = presenter.value;
  const state = screens.value.get(personOf(key)?.n ?? -1);
  if (!following.value || leads.value || !live() || !state?.s || !state.i || state.c !== myCase.value) {
    applied = '';
    return;
  }
  const pane = panes[active.value]?.value;
  void stacks.value;
  if (pane?.series !== state.s || pane.state === 'empty') {
    if (going === state.s || !series.value.some((one) => one.uid === state.s)) return;
    const uid = (going = state.s);
    applied = '';
    void untracked(() => show(active.value, uid)).finally(() => {
      going = null;
      untracked(apply);
    });
    return;
  }
  if (going || pane.state !== 'stack' || !pane.view) return;
  if (state.m) {
    untracked(() => applyPlanes(state));
    return;
  }
  if (opened) closePlanes();
  const look = JSON.stringify([state.i, state.f, state.w, state.z]);
  // A stack that was still being put up may have gone to its own beginning after it was taken there.
  const { frame } = pane.view;
  if (look === applied && frame?.instance.uid === state.i && frame.number === (state.f ?? 1)) return;
  applied = look;
  untracked(() => applyTo(state));
}

/** What was applied last to the planes; "" when they were not opened from here. */
let opened = '';

/** The same three planes as the presenter's, with the same window. */
function applyPlanes({ s: uid = '', m = [], ...state }: State): void {
  const look = JSON.stringify([uid, m, state.w]);
  const planes = decoded(m);
  if (!planes || (look === opened && mpr.value)) return;
  opened = look;
  applied = '';
  windowOf(state);
  if (mpr.value?.series === uid) mpr.value = { ...mpr.value, planes };
  else void openMpr(uid, planes).then((done) => { if (!done) opened = ''; }, () => (opened = ''));
}

function closePlanes(): void {
  opened = '';
  untracked(closeMpr);
}

function applyTo(state: State): void {
  const on = screen();
  const frames = stacks.value.get(state.s ?? '')?.frames ?? [];
  const at = frames.findIndex((frame) => frame.instance.uid === state.i && frame.number === (state.f ?? 1));
  if (!on || at < 0) return;
  on.go(at);
  windowOf(state);
  if (state.z) on.setCamera(state.z);
}

function windowOf(state: State): void {
  const [on, view] = [screen(), panes[active.value]?.value.view];
  const [center = 0, width = 0, inverted = 0] = state.w ?? [];
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
  applied = opened = '';
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
  if (to?.StudyInstanceUID && !isOpen(to)) {
    toCase(to);
    for (let tries = 0; tries < 100 && !panes[active.value]?.value.view; tries++) await new Promise((wait) => setTimeout(wait, 100));
  }
  if (panes[active.value]?.value.series !== place.SeriesInstanceUID) await show(active.value, place.SeriesInstanceUID);
  const frames = stacks.value.get(place.SeriesInstanceUID)?.frames ?? [];
  const at = frames.findIndex((frame) => frame.instance.uid === place.SOPInstanceUID && frame.number === place.frame);
  if (at < 0) return;
  if (mpr.value?.series === place.SeriesInstanceUID) {
    const [x = 0, y = 0, z = 0] = place.place ?? placeOf(mpr.value.volume, [place.point[0] ?? 0, place.point[1] ?? 0, at]);
    mpr.value = { ...mpr.value, planes: { ...mpr.value.planes, centre: [x, y, z] } };
  } else screen()?.go(at);
}
