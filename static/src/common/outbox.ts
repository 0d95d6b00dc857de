/**
 * What somebody did and the server has not acknowledged yet. It is kept in this browser, for this user, until the server
 * says that it has it: a reload, a cut or a sign-out loses nothing, and what is acknowledged is wiped.
 *
 * Every entry carries a client_id, so that sending it twice is harmless, also from two tabs. An act on an annotation that
 * was overtaken (409) is sent again as the next version: only its author changes it, so both are the author's own.
 */
import { effect, signal } from '@preact/signals';
import { get, loadSession, Problem, request, session } from './api';
import { uuid } from './uuid';

export interface Unsent {
  id: string;
  path: string;
  json: Record<string, unknown>;
  at: number;
  /** Why the server will not take it; it stays until somebody decides. */
  refused?: string;
}

const PREFIX = 'hoichan.unsent.';
const WAITS = [1000, 2000, 4000, 8000, 15_000];
const TRIES = 4;

/** What is not acknowledged of the present user, oldest first. */
export const unsent = signal<readonly Unsent[]>([]);
/** The browser does not let us keep anything: then a reload would lose what is unsent. */
export const volatile = signal(false);

type Heard = (sent: Unsent, answer: unknown) => void;
const hearers = new Set<Heard>();
const keys = new Map<string, string>();
const versions = new Map<string, number>();
let user = '';
let counter = 0;
let sending: Promise<void> | null = null;
let tries = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Calls back for every entry the server has taken; gives the way to stop. */
export function heard(by: Heard): () => void {
  hearers.add(by);
  return () => hearers.delete(by);
}

/** Keeps an act and sends it; its client_id. */
export function keep(path: string, json: Record<string, unknown>): string {
  const id = uuid();
  const entry: Unsent = { id, path, json: { ...json, client_id: id }, at: Date.now() };
  const key = `${PREFIX}${user}.${String(entry.at).padStart(14, '0')}${String(counter++ % 1e6).padStart(6, '0')}.${id}`;
  keys.set(id, key);
  store(key, entry);
  unsent.value = [...unsent.value, entry];
  void flush();
  return id;
}

/** Forgets an entry the server refused: only a person decides that. */
export function discard(id: string): void {
  wipe(id);
}

/** Sends what there is, and waits at most so long; whether all is acknowledged. */
export async function settled(ms: number): Promise<boolean> {
  tries = 0;
  await Promise.race([flush(), new Promise((resolve) => setTimeout(resolve, ms))]);
  return unsent.value.length === 0;
}

/** Sends what is unsent, in its order, until all is acknowledged or the server cannot be reached. */
export function flush(): Promise<void> {
  clearTimeout(timer);
  const mine = user;
  sending ??= send().finally(() => {
    sending = null;
    if (user !== mine && first()) void flush();
  });
  return sending;
}

async function send(): Promise<void> {
  const mine = user;
  for (let next = first(); next && mine === user; next = first()) {
    try {
      await one(next);
      tries = 0;
    } catch (error) {
      if (!(error instanceof Problem) || error.status === 401) return;
      if (error.status === 0 || error.status >= 500 || error.status === 429) {
        const wait = error.retryAfter ? error.retryAfter * 1000 : (WAITS[Math.min(tries++, WAITS.length - 1)] ?? 15_000);
        timer = setTimeout(() => void flush(), wait);
        return;
      }
      refuse(next, error);
    }
  }
}

const first = (): Unsent | undefined => unsent.value.find((one) => one.refused === undefined);

/** One entry; raises the Problem that keeps it from being taken. */
async function one(entry: Unsent): Promise<void> {
  for (let turn = 0; ; turn++) {
    try {
      const answer = await request<unknown>('POST', entry.path, { json: entry.json });
      const { annotation_id: annotation, version } = answer as { annotation_id?: string; version?: number };
      if (annotation && version) versions.set(annotation, version);
      wipe(entry.id);
      hearers.forEach((by) => by(entry, answer));
      return;
    } catch (error) {
      if (!(error instanceof Problem) || turn >= TRIES) throw error;
      if (error.status === 409 && entry.path.endsWith('/annotations')) await overtaken(entry);
      else if (error.status === 403 && turn === 0) await known();
      else throw error;
    }
  }
}

/** Makes the act the next version of what the server has. */
async function overtaken(entry: Unsent): Promise<void> {
  const { annotations } = await get<{ annotations: { annotation_id: string; version: number }[] }>(entry.path);
  const there = annotations.find((one) => one.annotation_id === entry.json['annotation_id']);
  change(entry, { json: { ...entry.json, version: (there?.version ?? 0) + 1 } });
}

/** The session may be another one since (signed in again in another tab): its CSRF token is asked once. */
async function known(): Promise<void> {
  const before = user;
  await loadSession();
  if (user !== before) throw new Problem(401, 'about:blank', '', '');
}

function refuse(entry: Unsent, problem: Problem): void {
  change(entry, { refused: `${problem.status} ${problem.detail || problem.title}` });
}

function change(entry: Unsent, by: Partial<Unsent>): void {
  Object.assign(entry, by);
  const key = keys.get(entry.id);
  if (key) store(key, entry);
  unsent.value = [...unsent.value];
}

/** The version an act on this annotation makes, when the server last said `acknowledged`. */
export function nextVersion(annotation: string, acknowledged: number): number {
  const waiting = unsent.value.filter((one) => one.json['annotation_id'] === annotation);
  const newest = Math.max(acknowledged, versions.get(annotation) ?? 0, ...waiting.map((one) => Number(one.json['version']) || 0));
  return newest + 1;
}

function store(key: string, entry: Unsent): void {
  try {
    localStorage.setItem(key, JSON.stringify(entry));
  } catch {
    volatile.value = true;
  }
}

function wipe(id: string): void {
  const key = keys.get(id);
  keys.delete(id);
  try {
    if (key) localStorage.removeItem(key);
  } catch {
    // It was never kept then.
  }
  unsent.value = unsent.value.filter((one) => one.id !== id);
  if (!unsent.value.length) volatile.value = false;
}

/** What this browser keeps of a user; entries that are no entries are left alone. */
function kept(name: string): Unsent[] {
  const found: [string, Unsent][] = [];
  try {
    for (let index = 0; index < localStorage.length; index++) {
      const key = localStorage.key(index) ?? '';
      if (!key.startsWith(`${PREFIX}${name}.`)) continue;
      const entry = JSON.parse(localStorage.getItem(key) ?? '{}') as Unsent;
      if (typeof entry.id === 'string' && typeof entry.path === 'string' && entry.path.startsWith('/api/')) found.push([key, entry]);
    }
  } catch {
    volatile.value = true;
  }
  found.sort(([a], [b]) => (a < b ? -1 : 1));
  found.forEach(([key, entry]) => keys.set(entry.id, key));
  return found.map(([, entry]) => entry);
}

/** Whoever is signed in now: what they left unsent is sent; what others left is neither shown nor sent. */
function begin(): void {
  const next = session.value ? String(session.value.user.id) : '';
  if (next === user) return;
  user = next;
  tries = 0;
  versions.clear();
  keys.clear();
  unsent.value = next ? kept(next).map((entry) => ({ ...entry, refused: undefined })) : [];
  if (unsent.value.length) void flush();
}

function again(): void {
  tries = 0;
  if (user && first()) void flush();
}

effect(begin);
window.addEventListener('online', again);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') again();
});
window.addEventListener('storage', (event) => {
  // Another tab has sent it.
  const gone = event.newValue === null && event.key?.startsWith(`${PREFIX}${user}.`) ? [...keys].find(([, key]) => key === event.key)?.[0] : undefined;
  if (gone) unsent.value = unsent.value.filter((one) => one.id !== gone);
});
window.addEventListener('beforeunload', (event) => {
  if (volatile.value && unsent.value.length) event.preventDefault();
});
