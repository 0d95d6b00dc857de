/** Uploads: two at a time, each file one request, with progress and a way to stop. */
import { batch, computed, signal } from '@preact/signals';
import { loadSession, Problem, session } from '../../common/api';
import { explain } from '../../common/explain';
import { chosen, collect, type Found } from './collect';
import { words } from './strings';

const AT_ONCE = 2;
const PROBLEMS = 500;
const TRIES = 3;

export type State = 'waiting' | 'sending' | 'storing' | 'done' | 'failed' | 'cancelled';

export interface Upload {
  id: number;
  name: string;
  size: number;
  sent: number;
  state: State;
}

export interface Answer {
  stored: number;
  already: number;
  conflict: number;
  quarantined: number;
  refused: number;
  problems: { name: string; reason: string }[];
  studies: string[];
}

export type Kind = 'stored' | 'already' | 'conflict' | 'quarantined' | 'refused';
export const KINDS: readonly Kind[] = ['stored', 'already', 'conflict', 'quarantined', 'refused'];

interface Summary extends Record<Kind, number> {
  files: number;
  finished: number;
  bytes: number;
  sent: number;
}

const NOTHING: Summary = { stored: 0, already: 0, conflict: 0, quarantined: 0, refused: 0, files: 0, finished: 0, bytes: 0, sent: 0 };

export const importShown = signal(false);
export const summary = signal<Summary>(NOTHING);
/** The uploads that are being sent at this moment. */
export const sending = signal<Upload[]>([]);
export const problems = signal<{ name: string; reason: string }[]>([]);
export const problemCount = signal(0);
export const stopped = signal(0);
/** How many files were found while a dropped folder is being read; null when none is. */
export const gathering = signal<number | null>(null);
export const nothingFound = signal(false);
export const hospital = signal('');
export const running = computed(() => gathering.value !== null || sending.value.length > 0 || summary.value.finished < summary.value.files - stopped.value);

let waiting: (Found & { id: number; tries: number })[] = [];
const requests = new Map<number, XMLHttpRequest>();
let lastId = 0;

export function openImport(): void {
  importShown.value = true;
}

export function closeImport(): void {
  importShown.value = false;
}

/** Takes what was dropped. */
export async function drop(transfer: DataTransfer): Promise<void> {
  begin();
  gathering.value = 0;
  try {
    add(await collect(transfer, (found) => (gathering.value = found)));
  } finally {
    gathering.value = null;
  }
}

export function choose(files: FileList): void {
  begin();
  add(chosen(files));
}

function begin(): void {
  importShown.value = true;
  nothingFound.value = false;
  if (running.value) return;
  batch(() => {
    summary.value = NOTHING;
    problems.value = [];
    problemCount.value = 0;
    stopped.value = 0;
  });
}

function add(found: Found[]): void {
  nothingFound.value = found.length === 0;
  waiting.push(...found.map((one) => ({ ...one, id: ++lastId, tries: 0 })));
  summary.value = {
    ...summary.value,
    files: summary.value.files + found.length,
    bytes: summary.value.bytes + found.reduce((sum, one) => sum + one.file.size, 0),
  };
  window.addEventListener('beforeunload', warn);
  pump();
}

/** Stops: what is being sent is cut off, what waits is not sent. */
export function cancel(): void {
  stopped.value += waiting.length + requests.size;
  waiting = [];
  for (const request of requests.values()) request.abort();
  requests.clear();
  sending.value = [];
  finish();
}

function pump(): void {
  while (requests.size < AT_ONCE) {
    const next = waiting.shift();
    if (!next) break;
    send(next);
  }
  if (requests.size === 0 && waiting.length === 0) finish();
}

function finish(): void {
  window.removeEventListener('beforeunload', warn);
}

function send(one: Found & { id: number; tries: number }): void {
  const request = new XMLHttpRequest();
  requests.set(one.id, request);
  update({ id: one.id, name: one.name, size: one.file.size, sent: 0, state: 'sending' });
  const where = hospital.value ? `?hospital=${encodeURIComponent(hospital.value)}` : '';
  request.open('POST', `/api/uploads${where}`);
  request.setRequestHeader('Accept', 'application/json');
  request.setRequestHeader('Content-Type', /\.zip$/i.test(one.name) ? 'application/zip' : 'application/octet-stream');
  request.setRequestHeader('X-File-Name', encodeURIComponent(one.name.slice(-200)));
  request.setRequestHeader('X-CSRF-Token', session.value?.csrf ?? '');
  request.upload.onprogress = (event) =>
    update({ id: one.id, name: one.name, size: one.file.size, sent: event.loaded, state: event.loaded >= one.file.size ? 'storing' : 'sending' });
  request.onload = () => ended(one, request);
  request.onerror = () => lost(one);
  request.send(one.file);
}

function ended(one: Found & { id: number; tries: number }, request: XMLHttpRequest): void {
  if (request.status === 503 && one.tries < TRIES) {
    lost(one);
    return;
  }
  if (request.status === 401) void loadSession().catch(() => undefined);
  let answer: Answer;
  if (request.status >= 200 && request.status < 300) {
    answer = JSON.parse(request.responseText) as Answer;
  } else {
    const error = new Problem(request.status, '', '', detailOf(request.responseText));
    answer = { ...refusal, problems: [{ name: one.name, reason: explain(error) }] };
  }
  settle(one, answer);
}

const refusal: Answer = { stored: 0, already: 0, conflict: 0, quarantined: 0, refused: 1, problems: [], studies: [] };

/** The link broke: the file is sent again from its beginning, after a pause, a few times. Storing twice does no harm. */
function lost(one: Found & { id: number; tries: number }): void {
  requests.delete(one.id);
  remove(one.id);
  if (one.tries >= TRIES) {
    settle(one, { ...refusal, problems: [{ name: one.name, reason: words('unreachable') }] });
    return;
  }
  waiting.unshift({ ...one, tries: one.tries + 1 });
  setTimeout(pump, 1500 * 2 ** one.tries);
}

function settle(one: Found & { id: number }, answer: Answer): void {
  requests.delete(one.id);
  // The same object in another encoding is already there: worth a count, not a person's time.
  const found = answer.conflict + answer.quarantined + answer.refused > 0 ? answer.problems : [];
  batch(() => {
    remove(one.id);
    summary.value = counted(summary.value, answer, one.file.size);
    problemCount.value += found.length;
    problems.value = [...problems.value, ...found.map((problem) => ({ ...problem, name: nameOf(problem.name, one.name) }))].slice(0, PROBLEMS);
  });
  pump();
}

/** What the trouble is with: a member of an archive, or the file itself, which the server knows by a name of its own. */
function nameOf(said: string, file: string): string {
  return said === '' || said.endsWith('.part') ? file : said;
}

/** The summary after one more file. */
export function counted(before: Summary, answer: Answer, size: number): Summary {
  const after = { ...before, finished: before.finished + 1, sent: before.sent + size };
  for (const kind of KINDS) after[kind] += answer[kind];
  return after;
}

function update(upload: Upload): void {
  const others = sending.value.filter((one) => one.id !== upload.id);
  sending.value = [...others, upload].sort((a, b) => a.id - b.id);
}

function remove(id: number): void {
  sending.value = sending.value.filter((one) => one.id !== id);
}

function detailOf(text: string): string {
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? '';
  } catch {
    return '';
  }
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}
