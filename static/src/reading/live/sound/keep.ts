/** Pieces of this browser's own voice until the server has them: kept in IndexedDB over cuts and reloads, sent one after the
 * other, wiped when they are acknowledged or refused for good. */
import { signal } from '@preact/signals';
import { loadSession, Problem, request, session } from '../../../common/api';
import { me, status } from '../room';

export interface Piece {
  id: string;
  /** The member whose voice it is: nobody else's browser session brings it. */
  owner: string;
  room: string;
  take: number;
  at: number;
  ms: number;
  blob: Blob;
}

const STORE = 'pieces';
const FINAL = new Set([400, 403, 404, 409, 410, 413, 415]);
const WAITS = [1000, 2000, 4000, 8000, 15_000];

/** How many wait to be sent. */
export const waiting = signal(0);

let opened: Promise<IDBDatabase | null> | null = null;
/** Where the browser keeps nothing, pieces live as long as the page. */
const memory = new Map<string, Piece>();
let sending: Promise<void> | null = null;
let tries = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Keeps a piece and sends it as soon as it can be; resolves when it is kept. */
export async function keep(piece: Piece): Promise<void> {
  const kept = await change((store) => store.put(piece));
  if (!kept) memory.set(piece.id, piece);
  waiting.value += 1;
  void flush();
}

/** Sends what waits. */
export function flush(): Promise<void> {
  clearTimeout(timer);
  sending ??= send().catch(() => later(null)).finally(() => (sending = null));
  return sending;
}

/** What earlier pages left is sent as soon as it is known who we are. */
export function begin(): () => void {
  const again = (): void => {
    tries = 0;
    if (whose()) void flush();
  };
  addEventListener('online', again);
  const stop = status.subscribe((now) => {
    if (now === 'in') again();
  });
  again();
  return () => {
    removeEventListener('online', again);
    stop();
  };
}

const whose = (): string => me.value || (session.value && !session.value.guest ? `user-${session.value.user.id}` : '');

async function send(): Promise<void> {
  const owner = whose();
  for (;;) {
    const pieces = (await all()).filter((one) => one.owner === owner).sort((a, b) => a.at - b.at);
    waiting.value = pieces.length;
    const next = pieces[0];
    if (!next || !owner) return;
    if (!(await sent(next))) return;
  }
}

/** Whether the piece is dealt with. */
async function sent(piece: Piece, renewed = false): Promise<boolean> {
  try {
    if (!session.value) await loadSession();
    const path = `/api/rooms/${encodeURIComponent(piece.room)}/sound/${piece.id}`;
    const headers = { 'Content-Type': piece.blob.type.split(';')[0] || 'audio/webm' };
    await request('PUT', path, { query: { take: piece.take, at: piece.at, ms: piece.ms }, body: piece.blob, headers });
  } catch (error) {
    if (!(error instanceof Problem) || !FINAL.has(error.status)) {
      later(error);
      return false;
    }
    if (error.status === 403 && !renewed) { // the session may be another one since: its token is asked once
      await loadSession();
      if (whose() === piece.owner) return sent(piece, true);
      return false;
    }
  }
  tries = 0;
  await forget(piece);
  return true;
}

function later(error: unknown): void {
  if (error instanceof Problem && error.status === 401) return; // signing in again leads here again
  const wait = error instanceof Problem && error.retryAfter ? error.retryAfter * 1000 : (WAITS[Math.min(tries++, WAITS.length - 1)] ?? 15_000);
  timer = setTimeout(() => void flush(), wait);
}

async function forget(piece: Piece): Promise<void> {
  memory.delete(piece.id);
  await change((store) => store.delete(piece.id));
}

async function all(): Promise<Piece[]> {
  const database = await open();
  const kept = database ? await done<Piece[]>(() => database.transaction(STORE).objectStore(STORE).getAll() as IDBRequest<Piece[]>) : null;
  return [...(kept ?? []), ...memory.values()];
}

async function change(act: (store: IDBObjectStore) => IDBRequest): Promise<boolean> {
  const database = await open();
  if (!database) return false;
  return new Promise((resolve) => {
    try {
      const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' });
      transaction.oncomplete = () => resolve(true);
      transaction.onabort = transaction.onerror = () => resolve(false);
      act(transaction.objectStore(STORE));
    } catch {
      resolve(false);
    }
  });
}

function done<T>(ask: () => IDBRequest<T>): Promise<T | null> {
  return new Promise((resolve) => {
    try {
      const asked = ask();
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}

function open(): Promise<IDBDatabase | null> {
  opened ??= new Promise((resolve) => {
    try {
      const asked = indexedDB.open('hoichan-sound', 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: 'id' });
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = asked.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opened;
}
