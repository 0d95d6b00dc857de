/** The state of the reading room and what changes it; commands.ts does what keys and buttons ask for. */
import { batch, signal } from '@preact/signals';
import { get, here, loadSession } from '../../common/api';
import { noteRead } from '../../common/last-read';
import type { Frame } from '../dicom/instance';
import { link } from '../dicom/link';
import type { Opening } from '../dicom/opening';
import { ordered, PICTURELESS, stackOf, type Series, type Stack } from '../dicom/series';
import { root, studyAt, studyPlace, studyUid } from '../dicom/place';
import { HTJ2K } from '../dicom/syntaxes';
import { opening, TransportError } from '../dicom/transport';
import { givePreview } from '../pixels/picture';
import type { Screen, Viewer, View } from '../viewport';
import type { Drawn } from './drawing';
import { expectEarly, forgetEarly, openingHere, overtaken, showEarly, viewersTurn } from './early';
import type { Tool } from './keyboard';
import { Prefetch } from './prefetch';

export interface Study {
  hospital: string;
  hospital_name: string;
  StudyInstanceUID: string;
  PatientName: string;
  PatientID: string;
  PatientBirthDate: string | null;
  PatientSex: string | null;
  PatientAge?: string | null;
  StudyDate: string | null;
  StudyTime: string | null;
  StudyDescription: string | null;
  modalities?: string[];
  AccessionNumber: string | null;
  InstitutionName: string | null;
  series: SeriesRow[];
}

interface SeriesRow {
  SeriesInstanceUID: string;
  Modality: string | null;
  SeriesNumber: number | string | null;
  SeriesDescription: string | null;
  BodyPartExamined: string | null;
  instances: number;
}

export type Layout = '1x1' | '1x2' | '2x2';

export interface Pane {
  series: string | null;
  state: 'empty' | 'reading' | 'stack' | 'card' | 'failed';
  view: View | null;
}

export const PANES = { '1x1': 1, '1x2': 2, '2x2': 4 } as const;
/** Milliseconds at one preview after which its frame comes first. */
const DWELL = 600;
const IDS = ['p0', 'p1', 'p2', 'p3'] as const;
export const IDS_COUNT = IDS.length;

export const study = signal<Study | null>(null);
export const failure = signal<unknown>(null);
export const viewerFailure = signal<unknown>(null);
/** The study may not be seen any more. */
export const ended = signal(false);
/** Counts up when an image is refused to us: perhaps the whole study is now. */
export const refused = signal(0);
export const series = signal<Series[]>([]);
export const stacks = signal<ReadonlyMap<string, Stack>>(new Map());
export const panes = IDS.map(() => signal<Pane>({ series: null, state: 'empty', view: null }));
export const active = signal(0);
export const layout = signal<Layout>('1x1');
export const oneUp = signal(false);
export const tool = signal<Tool>(matchMedia('(pointer: coarse)').matches ? 'scroll' : 'window');
export const overlays = signal(true);
export const help = signal(false);
export const cine = signal<{ pane: number; rate: number } | null>(null);
export const arrived = signal(0);
export const stripOpen = signal(true);
/** Counts up when frames come or go, so that load bars are drawn again. */
export const loads = signal(0);
export const sideOpen = signal(false);
/** How many changes of the reader are not with the server yet, when that lasts. */
export const late = signal(0);

/** Whoever keeps what is drawn; it comes after the first image, and then looks at what was drawn before it came. */
interface Keeper {
  drawn(id: string, what: Drawn): void;
  undo(): void;
  redo(): void;
  /** The drawing that is selected, else the newest of one's own on this frame. */
  remove(selected: string | undefined, frame: string): void;
  mark(view: View): void;
}
let keeper: Keeper | null = null;
/** What was asked before there was a keeper. */
let asked: ((by: Keeper) => void)[] = [];

export function keepWith(one: Keeper): void {
  keeper = one;
  asked.forEach((ask) => ask(one));
  asked = [];
}

export function kept(ask: (by: Keeper) => void): void {
  if (keeper) ask(keeper);
  else asked.push(ask);
}

/** Counts up when measurements change. */
export const annotated = signal(0);

export const loaded = new Set<string>();
/** Frames of which only the preview is here. */
export const previewed = new Set<string>();
const failed = new Set<string>();
const reading = new Map<string, Promise<Stack>>();
let viewer: Viewer | null = null;
let prefetch: Prefetch | null = null;
let ready: Promise<Viewer> | null = null;
let ticking = false;

/** The study that is open; `change` opens another one in its place. */
export { isOpen, studyAt, studyPlace, studyUid } from '../dicom/place';

export const theViewer = (): Viewer | null => viewer;

/** Opens the study: who we are, what it is, and the viewer, all at the same time. */
export async function open(): Promise<void> {
  expectEarly();
  begun().catch((error: unknown) => (viewerFailure.value = error));
  // The first image waits for nothing else: not for the row of the study, not for who we are.
  const beginning = begin().catch(() => null);
  try {
    const [session] = await Promise.all([loadSession(), refresh()]);
    if (!session) {
      location.assign(`/#/sign-in?next=${encodeURIComponent(here())}`);
      return;
    }
  } catch (error) {
    failure.value = error;
    return;
  }
  const first = (await beginning) ?? series.value[0]?.uid;
  if (first && panes[0]?.value.state === 'empty') await show(0, first);
}

const leaving = new Set<() => void>();

/** Calls back before another study takes the place of the open one: what is under somebody's hand belongs to this one. */
export function beforeChange(settle: () => void): void {
  leaving.add(settle);
}

/** Opens another study in the place of this one; the page, and who talks on it, stay. What was loaded is kept. */
export async function change(uid: string, before: string): Promise<void> {
  const place = `${before}/${uid}`;
  if (place === studyPlace.peek()) return;
  leaving.forEach((settle) => settle());
  stopCine();
  batch(() => {
    studyUid.value = uid;
    studyAt.value = before;
    study.value = failure.value = null;
    series.value = [];
    stacks.value = new Map();
    panes.forEach((pane) => (pane.value = { series: null, state: 'empty', view: null }));
    active.value = arrived.value = 0;
    oneUp.value = false;
    panes.forEach((_, index) => forgetEarly(index));
  });
  reading.clear();
  history.replaceState(null, '', `${before}/read/${uid}${location.hash}`);
  const beginning = begin().catch(() => null);
  await refresh();
  const first = (await beginning) ?? series.value[0]?.uid;
  if (first && studyPlace.peek() === place && panes[0]?.value.state === 'empty') await show(0, first);
}

/** Opens the study with the series the server names, and gives its UID. */
async function begin(): Promise<string> {
  const of = studyPlace.value;
  // The page's header has the browser ask for this very address.
  const opened = await opening(studyUid.value, null, true).finally(openingHere);
  if (studyPlace.value !== of) throw new Error('another study was opened meanwhile');
  reading.set(opened.series, Promise.resolve(stacked(opened)));
  if (panes[0]?.value.state === 'empty') void show(0, opened.series);
  return opened.series;
}

/** Reads the row of the study again. */
export async function refresh(): Promise<void> {
  const of = studyPlace.value;
  const row = await get<Study>(`${studyAt.value}/api/studies/${studyUid.value}`);
  if (studyPlace.value !== of) return;
  noteRead(`${studyAt.value}/read/${studyUid.value}`);
  batch(() => {
    study.value = row;
    series.value = ordered(row.series.map((one) => ({
      uid: one.SeriesInstanceUID,
      modality: one.Modality ?? '',
      number: one.SeriesNumber === null || one.SeriesNumber === '' ? null : Number(one.SeriesNumber),
      description: one.SeriesDescription ?? '',
      bodyPart: one.BodyPartExamined ?? '',
      instances: one.instances,
    })));
  });
}

/** The viewer, begun once: panes ask for it before the study is known. */
const begun = (): Promise<Viewer> => (ready ??= startViewer());

async function startViewer(): Promise<Viewer> {
  await viewersTurn();
  const { start } = await import('../viewport');
  viewer = start({ view: onView, rendered: (id) => overtaken(numberOf(id)), frame: onFrame, annotated: () => (annotated.value += 1), drawn: (id, what) => keeper?.drawn(id, what) });
  viewer.choose(tool.value);
  prefetch = new Prefetch(viewer, wanted, (frame) => loaded.has(frame.id) || failed.has(frame.id), () => link.slow === true);
  return viewer;
}

/** The stack of a series, its metadata asked once; `again` when more has arrived. */
export function stack(uid: string, again = false): Promise<Stack> {
  const known = reading.get(uid);
  if (known && !again) return known;
  const of = studyPlace.value;
  const found = opening(studyUid.value, uid, !again && link.slow !== false).then((opened) => {
    if (studyPlace.value !== of) throw new Error('another study was opened meanwhile');
    return stacked(opened);
  });
  reading.set(uid, found);
  found.catch(() => reading.delete(uid));
  return found;
}

/** Takes in a series of another study, which the live room puts beside this one. */
export function lend(opened: Opening, door: string): void {
  reading.set(opened.series, Promise.resolve(stacked(opened, door)));
}

export function takeBack(uid: string): void {
  reading.delete(uid);
  const next = new Map(stacks.value);
  next.delete(uid);
  stacks.value = next;
}

function stacked({ series: uid, metadata, versions, first, preview }: Opening, door = root()): Stack {
  const found = stackOf(door, uid, metadata, versions);
  const frame = first && found.frames.find((one) => one.instance.uid === first.uid && one.number === first.frame);
  if (frame && preview && link.slow !== false) givePreview(frame.id, preview);
  const next = { ...found, first: frame?.id ?? null };
  viewer?.register(next.frames);
  stacks.value = new Map(stacks.value).set(uid, next);
  return next;
}

/** Where a stack is begun: in the middle of a volume, where the server began it if it did. */
function startOf({ frames, first, order }: Stack): number {
  if (order !== 'geometry') return 0;
  const at = frames.findIndex((frame) => frame.id === first);
  return at >= 0 ? at : Math.floor((frames.length - 1) / 2);
}

/** Puts a series into a viewport, at its middle when it is a volume. */
export async function show(index: number, uid: string, at?: number): Promise<void> {
  const pane = panes[index];
  if (!pane) return;
  if (cine.value?.pane === index) stopCine();
  forgetEarly(index);
  pane.value = { series: uid, state: 'reading', view: null };
  const still = (): boolean => pane.value.series === uid;
  let found: Stack;
  try {
    found = await stack(uid);
    if (!viewer) await showEarly(index, boxes[index], found, at ?? startOf(found), still);
    await begun();
  } catch {
    if (still()) pane.value = { series: uid, state: 'failed', view: null };
    return;
  }
  if (!still() || !viewer) return;
  if (!found.frames.length) {
    pane.value = { series: uid, state: 'card', view: null };
    return;
  }
  viewer.register(found.frames);
  viewer.warm(found.frames[0]?.instance.transferSyntax ?? '');
  if (link.slow) viewer.warm(HTJ2K);
  pane.value = { series: uid, state: 'stack', view: null };
  beginnings[index] = { series: uid, at: at ?? startOf(found) };
  await put(index);
  prefetch?.pump();
}

/** Where each viewport began, or was when its element went. */
const beginnings: ({ series: string; at: number } | null)[] = IDS.map(() => null);

/** Puts what a viewport is to show onto its element; when that does not stand in the page yet, `mount` does it. */
async function put(index: number): Promise<void> {
  const [pane, begins] = [panes[index]?.value, beginnings[index]];
  if (pane?.state !== 'stack' || begins?.series !== pane.series) return;
  const frames = stacks.value.get(begins.series)?.frames ?? [];
  if (frames.length) await viewer?.screens.get(idOf(index))?.show(frames, Math.min(begins.at, frames.length - 1));
}

export const idOf = (index: number): string => IDS[index] ?? IDS[0];
const numberOf = (id: string): number => (IDS as readonly string[]).indexOf(id);

/** Where each viewport stands in the page. */
const boxes: (HTMLDivElement | undefined)[] = [];

/** Called by a pane when its element stands in the page: another study or layout makes new ones, with nothing on them. */
export async function mount(index: number, element: HTMLDivElement): Promise<void> {
  boxes[index] = element;
  const started = await begun().catch(() => null);
  if (!started || !element.isConnected || started.screens.get(idOf(index))?.element === element) return;
  started.disable(idOf(index));
  started.enable(idOf(index), element);
  await put(index);
}

export function unmount(index: number): void {
  const begins = beginnings[index];
  const view = panes[index]?.value.view;
  if (begins && view) begins.at = view.index;
  boxes[index] = undefined;
  viewer?.disable(idOf(index));
}

export function screen(index = active.value): Screen | null {
  return viewer?.screens.get(idOf(index)) ?? null;
}

export function setLayout(next: Layout): void {
  batch(() => {
    layout.value = next;
    oneUp.value = false;
    if (active.value >= PANES[next]) active.value = 0;
  });
  const shown = new Set(panes.map((pane) => pane.value.series));
  const free = series.value.filter((one) => !shown.has(one.uid) && !PICTURELESS.has(one.modality));
  for (let index = 0; index < PANES[next]; index++) {
    if (panes[index]?.value.state !== 'empty') continue;
    const uid = free.shift()?.uid;
    if (uid) void show(index, uid);
  }
}

export function chooseTool(next: Tool): void {
  tool.value = next;
  viewer?.choose(next);
}

let timer: ReturnType<typeof setInterval> | undefined;

export function toggleCine(): void {
  if (cine.value) {
    stopCine();
    return;
  }
  const uid = panes[active.value]?.value.series ?? '';
  const rate = Math.round(stacks.value.get(uid)?.frameRate ?? 10);
  if ((screen()?.count ?? 0) > 1) startCine(Math.min(60, Math.max(1, rate)));
}

export function startCine(rate: number): void {
  stopCine();
  const pane = active.value;
  cine.value = { pane, rate };
  timer = setInterval(() => {
    const view = panes[pane]?.value.view;
    // A frame that is still on its way is waited for, not skipped.
    if (view && !view.waiting) screen(pane)?.scroll(1, true);
  }, 1000 / rate);
}

export function stopCine(): void {
  clearInterval(timer);
  cine.value = null;
}

/** More has arrived: the counts of the study, and the stacks that are already open. */
export async function more(): Promise<void> {
  const before = new Map(series.value.map((one) => [one.uid, one.instances]));
  await refresh();
  for (const one of series.value) {
    if (before.get(one.uid) === one.instances) continue;
    if (!PICTURELESS.has(one.modality)) arrived.value += one.instances - (before.get(one.uid) ?? 0);
    if (!reading.has(one.uid)) continue;
    const next = await stack(one.uid, true);
    viewer?.register(next.frames);
    panes.forEach((pane, index) => {
      if (pane.value.series !== one.uid) return;
      if (pane.value.state === 'stack') screen(index)?.extend(next.frames);
      else void show(index, one.uid);
    });
  }
  const first = series.value[0];
  if (first && panes[0]?.value.state === 'empty') void show(0, first.uid);
  prefetch?.pump();
}

function onView(id: string, view: View): void {
  const pane = panes[numberOf(id)];
  if (!pane || pane.value.state !== 'stack') return;
  pane.value = { ...pane.value, view };
  if (view.error) overtaken(numberOf(id));
  finishSoon(view);
  prefetch?.pump();
}

let dwelling: { frame: string; timer: ReturnType<typeof setTimeout> } | null = null;

/** Who stays at a preview gets the frame itself before the previews that are still to come. */
function finishSoon({ frame, picture }: View): void {
  if (!frame || picture?.source !== 'preview' || failed.has(frame.id)) return;
  if (dwelling?.frame === frame.id) return;
  clearTimeout(dwelling?.timer);
  const still = (): boolean => panes.some((pane) => pane.value.view?.frame?.id === frame.id);
  dwelling = { frame: frame.id, timer: setTimeout(() => {
    dwelling = null;
    if (still()) void viewer?.finish(frame, 'now');
  }, link.slow ? DWELL : 0) };
}

function onFrame(frameId: string, state: 'preview' | 'loaded' | 'finished' | 'stuck' | 'failed' | 'removed', error?: unknown): void {
  if (error instanceof TransportError && [401, 403, 404].includes(error.status)) refused.value += 1;
  const whole = state === 'loaded' || state === 'finished';
  if (whole) {
    loaded.add(frameId);
    failed.delete(frameId);
  } else {
    loaded.delete(frameId);
    if (state === 'failed' || state === 'stuck') failed.add(frameId);
  }
  if (state === 'preview') previewed.add(frameId);
  else if (state !== 'stuck') previewed.delete(frameId);
  if (ticking) return;
  ticking = true;
  setTimeout(() => {
    ticking = false;
    loads.value += 1;
  }, 120);
}

/** What to fetch ahead: the active viewport's stack from its present frame outward, then those of the others. */
function wanted(): { frames: readonly Frame[]; from: number }[] {
  const count = PANES[layout.value];
  const order = [active.value, ...IDS.map((_, index) => index).filter((index) => index !== active.value && index < count)];
  return order.flatMap((index) => {
    const pane = panes[index]?.value;
    const found = pane?.series ? stacks.value.get(pane.series) : undefined;
    return pane?.state === 'stack' && pane.view && found ? [{ frames: found.frames, from: pane.view.index }] : [];
  });
}
