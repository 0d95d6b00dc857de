/**
 * The annotations of the study: what the server has, what is not acknowledged yet, and what is shown. Every change is an
 * act that is kept in the browser before it is sent, so nothing here can be lost by leaving the page.
 */
import { computed, effect, signal, untracked } from '@preact/signals';
import { get, session } from '../../common/api';
import { discard, heard, keep, nextVersion, unsent, type Unsent } from '../../common/outbox';
import { uuid } from '../../common/uuid';
import type { Drawing, DrawingTool, Drawn } from '../control/drawing';
import { beforeChange, keepWith, stacks, studyAt, studyPlace, studyUid, theViewer } from '../control/room';
import { root } from '../dicom/place';
import type { View } from '../viewport';
import { coloursOf, noteOf, OWN, rounded, same, together, type Body, type Kind, type Note, type RoomDrawing, type Shown, type Told } from './model';

const pathOf = (): string => `${studyAt.value}/api/studies/${studyUid.value}/annotations`;
/** A hand that rests so long has done one act. */
const SETTLE = 300;

export const notes = signal<ReadonlyMap<string, Note>>(new Map());
/** Authors whose drawings are not shown. */
export const hidden = signal<ReadonlySet<string>>(new Set());
export const colours = computed(() => coloursOf(notes.value.values()));
/** What waits to be sent of this study, by annotation. */
export const waiting = computed(() => new Map(unsent.value.filter((one) => one.path === pathOf()).map((one) => [String(one.json['annotation_id']), one])));
/** The consultation that new drawings are shared with; "" while they stay in the hospital. */
export const shareWith = signal('');
/** The annotation whose words are to be written next. */
export const chosen = signal<string | null>(null);

/** What was told in the live room this window is in. */
export const inRoom = signal<ReadonlyMap<string, RoomDrawing>>(new Map());
/** A guest draws in a room: told there, and not kept by us. */
export const guestDraws = signal(false);

/** Something done to an annotation of one's own; `client` is the id of the act. */
export interface Act {
  client: string;
  id: string;
  kind: Kind;
  body: Body;
}
const actors = new Set<(act: Act) => void>();

/** Calls back for every act of this window; gives the way to stop. */
export function onAct(by: (act: Act) => void): () => void {
  actors.add(by);
  return () => actors.delete(by);
}

/** One's own acts, for undo and redo: the state before and after. */
interface Step {
  id: string;
  before: State | null;
  after: State;
}
interface State {
  deleted: boolean;
  body: Body;
}
let done: Step[] = [];
let undone: Step[] = [];
const settling = new Map<string, ReturnType<typeof setTimeout>>();
const shown = new Map<string, string>();
/** What is being typed and not an act yet; told when the page is left. */
const typing = new Set<() => void>();
let placing = false;
let sequence = 0;
let begun = false;

/** Begins when it is known who reads: takes up what was left unsent, then asks the server. */
export function begin(): void {
  effect(() => {
    if (!session.value || begun || (session.value.guest && !guestDraws.value)) return; // guests draw in rooms only
    begun = true;
    queueMicrotask(start);
  });
}

function start(): void {
  heard(taken);
  unsent.peek().filter((one) => one.path === pathOf()).forEach(takeUp);
  beforeChange(settleAll);
  let at = studyPlace.peek();
  effect(() => {
    if (studyPlace.value === at) return;
    at = studyPlace.value;
    untracked(anew);
  });
  effect(() => {
    void stacks.value;
    show(together(notes.value, inRoom.value), colours.value, hidden.value);
  });
  // What a guest measured before they came into the room stays theirs alone.
  if (!session.value?.guest) for (const id of theViewer()?.drawingIds() ?? []) drawn(id, 'done');
  keepWith({ drawn, undo, redo, remove, mark });
  window.addEventListener('pagehide', settleAll);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') settleAll();
  });
  void refresh();
}

/** Another study is open: nothing of the one before stays on the images, and its acts are not undone here. */
function anew(): void {
  [done, undone, sequence, asking, chosen.value] = [[], [], 0, null, null];
  notes.value = new Map();
  placing = true;
  for (const id of theViewer()?.drawingIds() ?? []) theViewer()?.drop(id);
  shown.clear();
  placing = false;
  unsent.peek().filter((one) => one.path === pathOf()).forEach(takeUp);
  void refresh();
}

let asking: Promise<void> | null = null;
let again = false;

/** Asks for what is new; one question at a time. */
export function refresh(): Promise<void> {
  if (!begun || session.value?.guest) return Promise.resolve();
  if (asking) {
    again = true;
    return asking;
  }
  const path = pathOf();
  const mine = get<{ sequence: number; annotations: Told[] }>(path, { after: sequence }).then((news) => {
    if (path !== pathOf()) return;
    sequence = Math.max(sequence, news.sequence);
    const next = new Map(notes.value);
    for (const told of news.annotations) next.set(told.annotation_id, merged(noteOf(told), next.get(told.annotation_id)));
    notes.value = next;
  }).catch(() => undefined).finally(() => {
    if (asking !== mine) return;
    asking = null;
    if (again) {
      again = false;
      void refresh();
    }
  });
  asking = mine;
  return mine;
}

/** What is unsent is newer than what the server says. */
function merged(told: Note, here: Note | undefined): Note {
  if (!here || (!waiting.peek().has(told.id) && !settling.has(told.id))) return told;
  return { ...told, deleted: here.deleted, body: here.body };
}

function set(note: Note): void {
  notes.value = new Map(notes.value).set(note.id, note);
}

/** Does something to an annotation of one's own: kept, shown and sent. */
function act(id: string, kind: Kind, body: Body, { remember = true, share = '' } = {}): void {
  const before = notes.value.get(id);
  if (before && !before.mine) return;
  if (kind === 'delete') {
    clearTimeout(settling.get(id)); // what its hand was about to do is void, and must not keep it on the image
    settling.delete(id);
  }
  // An answer is where what it answers is.
  const consult = before?.consult || share || (before ? '' : (notes.value.get(body.to ?? '')?.consult ?? shareWith.value));
  const now = Date.now();
  const user = session.value?.user;
  const client = session.value?.guest ? uuid() : keep(pathOf(), { annotation_id: id, version: nextVersion(id, before?.version ?? 0), kind, ...(kind === 'put' ? { body } : {}), ...(consult ? { consult } : {}) });
  const author = before?.author ?? { id: user?.id ?? '', name: user?.display_name || user?.name || '' };
  const after = { deleted: kind === 'delete', body };
  if (remember) {
    done = [...done.slice(-199), { id, before: before ? { deleted: before.deleted, body: before.body } : null, after }];
    undone = [];
  }
  set({ version: 0, sequence: 0, createdAt: now, ...before, id, author, mine: true, at: now, shared: consult !== '', consult, ...after });
  actors.forEach((by) => by({ client, id, kind, body }));
}

/** A drawing of one's own that only the room has kept. */
export function adopt({ id, name, at, deleted, body }: RoomDrawing): void {
  if (notes.value.has(id)) return;
  set({ id, version: 0, sequence: 0, createdAt: at, at, mine: true, author: { id: session.value?.user.id ?? '', name }, shared: false, consult: '', deleted, body });
}

/** An act of before that was never acknowledged. */
function takeUp(entry: Unsent): void {
  const { annotation_id: id, kind, body, consult = '' } = entry.json as { annotation_id: string; kind: Kind; body?: Body; consult?: string };
  const before = notes.value.get(id);
  const user = session.value?.user;
  const words = body ?? before?.body;
  if (!words) return;
  set({
    version: 0, sequence: 0, createdAt: entry.at, shared: consult !== '', consult, author: { id: user?.id ?? '', name: user?.display_name || user?.name || '' },
    ...before, id, mine: true, at: entry.at, deleted: kind === 'delete', body: words,
  });
}

function taken(entry: Unsent, answer: unknown): void {
  if (entry.path !== pathOf()) return;
  const told = noteOf(answer as Told);
  set(merged(told, notes.value.get(told.id)));
}

/** The server does not take it: give up one's own version and show what there is. */
export async function giveUp(id: string): Promise<void> {
  unsent.value.filter((one) => one.json['annotation_id'] === id).forEach((one) => discard(one.id));
  const next = new Map(notes.value);
  next.delete(id);
  notes.value = next;
  sequence = 0;
  await refresh();
}

function drawn(id: string, what: Drawn): void {
  const note = notes.value.get(id);
  if (placing || (note ? !note.mine : inRoom.value.has(id))) return;
  if (what === 'removed') {
    if (note && !note.deleted) act(id, 'delete', note.body);
  } else if (!note) {
    if (what === 'done') settle(id);
  } else {
    clearTimeout(settling.get(id));
    settling.set(id, setTimeout(() => settle(id), SETTLE));
  }
}

/** The hand rests: what has become of the drawing is an act. */
function settle(id: string): void {
  clearTimeout(settling.get(id));
  settling.delete(id);
  const drawing = theViewer()?.drawing(id);
  const note = notes.value.get(id);
  if (!drawing || note?.deleted) return;
  const body = bodyOf(drawing, note?.body.text ?? '');
  if (!body || (note && same(note.body, body))) return;
  shown.set(id, ''); // drawn by hand, so it is placed again in its form
  act(id, 'put', body);
  if (!note && body.tool === 'arrow') chosen.value = id;
}

/** Takes all that is still under somebody's hand. */
export function settleAll(): void {
  [...settling.keys()].forEach(settle);
  typing.forEach((write) => write());
}

/** A field that is being typed in says so, and is asked when the page is left. */
export function whileTyping(write: () => void): () => void {
  typing.add(write);
  return () => typing.delete(write);
}

const isOurs = (frame: string): boolean => frame.startsWith(`${root()}/studies/${studyUid.value}/`);

/** Of what is drawn on an image of another study beside this one nothing is kept; the image says so. */
function bodyOf(drawing: Drawing, text: string): Body | null {
  const place = isOurs(drawing.frame) && /\/series\/([0-9.]+)\/instances\/([0-9.]+)\/frames\/(\d+)$/.exec(drawing.frame);
  if (!place) return null;
  const [, series = '', sop = '', frame = '1'] = place;
  const found = stacks.value.get(series)?.frames.find((one) => one.id === drawing.frame);
  return {
    tool: drawing.tool, text, series_instance_uid: series, sop_instance_uid: sop, frame: Number(frame),
    frame_of_reference_uid: found?.instance.frameOfReference ?? '', points: drawing.points.map(rounded),
    ...(drawing.box ? { box: rounded(drawing.box) } : {}),
  };
}

export function frameIdOf(body: Body): string {
  return `${root()}/studies/${studyUid.value}/series/${body.series_instance_uid ?? ''}/instances/${body.sop_instance_uid ?? ''}/frames/${body.frame ?? 1}`;
}

/** Makes the viewer show these, and only what changed. */
function show(list: readonly Shown[], colour: ReadonlyMap<string, string>, hide: ReadonlySet<string>): void {
  const viewer = theViewer();
  if (!viewer) return;
  let changed = false;
  placing = true;
  for (const note of list) {
    if (!note.body.points || settling.has(note.id)) continue;
    const author = String(note.author.id);
    const look = {
      text: note.body.text, by: note.mine ? '' : note.author.name, colour: note.colour ?? colour.get(author) ?? OWN, locked: !note.mine, hidden: hide.has(author),
    };
    const key = note.deleted ? 'deleted' : JSON.stringify([note.body, look]);
    if (shown.get(note.id) === key) continue;
    if (note.deleted) viewer.drop(note.id);
    else if (!viewer.place(drawingOf(note), look)) continue;
    shown.set(note.id, key);
    changed = true;
  }
  const here = new Set(list.map((note) => note.id));
  for (const id of [...shown.keys()]) {
    if (here.has(id)) continue;
    viewer.drop(id);
    shown.delete(id);
    changed = true;
  }
  placing = false;
  if (changed) viewer.redraw();
}

function drawingOf({ id, body }: Shown): Drawing {
  return { id, tool: body.tool as DrawingTool, frame: frameIdOf(body), points: body.points ?? [], box: body.box ?? null };
}

/** Writes the words of an annotation of one's own. */
export function write(id: string, text: string): void {
  const note = notes.value.get(id);
  if (note && !note.deleted && note.body.text !== text) act(id, 'put', { ...note.body, text });
}

/** Shares an annotation of one's own with a consultation; it stays shared. */
export function share(id: string, code: string): void {
  const note = notes.value.get(id);
  if (note && !note.deleted && !note.shared) act(id, 'put', note.body, { share: code });
}

export function answer(to: string, text: string): void {
  if (text.trim()) act(uuid(), 'put', { tool: 'answer', to, text: text.trim() });
}

export function erase(id: string): boolean {
  const note = notes.value.get(id);
  if (!note?.mine || note.deleted) return false;
  act(id, 'delete', note.body);
  return true;
}

function remove(selected: string | undefined, frame: string): void {
  if (selected && erase(selected)) return;
  if (selected && !notes.value.has(selected) && !inRoom.value.has(selected)) theViewer()?.drop(selected); // nothing of it was kept
  const own = [...notes.value.values()].filter((one) => one.mine && !one.deleted && one.body.points && frameIdOf(one.body) === frame);
  const newest = own.sort((a, b) => b.createdAt - a.createdAt)[0];
  if (newest) erase(newest.id);
}

export function restore(id: string): void {
  const note = notes.value.get(id);
  if (note?.deleted) act(id, 'restore', note.body);
}

function undo(): void {
  settleAll();
  const step = done.at(-1);
  if (!step) return;
  done = done.slice(0, -1);
  undone = [...undone, step];
  become(step.id, step.before);
}

function redo(): void {
  const step = undone.at(-1);
  if (!step) return;
  undone = undone.slice(0, -1);
  done = [...done, step];
  become(step.id, step.after);
}

/** Brings an annotation to a state of before; what it was meanwhile is kept in its history. */
function become(id: string, to: State | null): void {
  const now = notes.value.get(id);
  if (!now) return;
  if (!to || to.deleted) {
    if (!now.deleted) act(id, 'delete', now.body, { remember: false });
  } else if (now.deleted && same(now.body, to.body)) act(id, 'restore', to.body, { remember: false });
  else if (!same(now.body, to.body) || now.deleted) act(id, 'put', to.body, { remember: false });
}

/** Marks the image that is shown as a key image, or takes one's own mark away. */
function mark(view: View): void {
  const { frame } = view;
  if (!frame || !isOurs(frame.id)) return;
  const known = [...notes.value.values()].find((one) => one.mine && !one.deleted && one.body.tool === 'key_image' && frameIdOf(one.body) === frame.id);
  if (known) {
    erase(known.id);
    return;
  }
  const window = view.chosen && view.voi?.kind === 'window' ? rounded([view.voi.window.width, view.voi.window.center]) : undefined;
  act(uuid(), 'put', {
    tool: 'key_image', text: '', series_instance_uid: frame.instance.series, sop_instance_uid: frame.instance.uid, frame: frame.number,
    frame_of_reference_uid: frame.instance.frameOfReference, invert: view.invert, ...(window ? { window } : {}),
  });
}
