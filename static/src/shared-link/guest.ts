/** Who is here by which link: from the address and the PIN to a session, and whether it still stands. */
import { signal } from '@preact/signals';

export interface SharedStudy {
  StudyInstanceUID: string;
  PatientName?: string;
  StudyDate?: string;
  StudyDescription?: string;
  modalities?: string[];
  images: number;
}

/** What the server says to who is inside. */
export interface Here {
  code: string;
  csrf: string;
  guest: { name: string; institution: string };
  hospital: string;
  purpose: string;
  expires_at: number;
  anonymise: boolean;
  download: boolean;
  state: 'preparing' | 'ready';
  images: { done: number; total: number; left: number };
  studies: SharedStudy[];
}

/** What it says to who has the secret, before the PIN. */
export interface Look {
  hospital: string;
  expires_at: number;
  anonymise: boolean;
  download: boolean;
}

export type Phase = 'asking' | 'form' | 'inside' | 'over' | 'broken' | 'left' | 'unreachable';

export const phase = signal<Phase>('asking');
export const look = signal<Look | null>(null);
export const here = signal<Here | null>(null);
/** Whether the server answered the last time it was asked. */
export const reached = signal(true);

/** Asked so often whether the link still stands: an open page must be gone five seconds after it is revoked. */
export const ASK_MS = 3000;
const INSIDE = 'hoichan.link.inside';
const code = /^\/s\/([\w-]{1,64})/.exec(location.pathname)?.[1] ?? '';
let secret = location.hash.slice(1);

/** Asks the server as a guest, also where somebody is signed in in this browser. */
export function ask(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = { Accept: 'application/json', ...(options.headers as Record<string, string> | undefined), 'X-Hoichan-Guest': '1' };
  return fetch(path, { credentials: 'same-origin', cache: 'no-store', ...options, headers });
}

/** Finds out where we are: inside already, at the door, or at no door at all. */
export async function begin(): Promise<void> {
  phase.value = 'asking';
  try {
    const inside = await ask('/api/guest');
    if (inside.ok) {
      const told = (await inside.json()) as Here;
      if (told.code === code) return arrive(told);
    }
    if (!code || !secret) {
      // Who was inside in this tab and comes back without a session was sent away, or the time is over.
      phase.value = code && sessionStorage.getItem(INSIDE) === code ? 'over' : 'broken';
      return;
    }
    const answer = await post('/api/guest/look', { code, secret });
    if (answer.ok) {
      look.value = (await answer.json()) as Look;
      phase.value = 'form';
    } else {
      phase.value = answer.status === 404 ? 'over' : 'unreachable';
    }
  } catch {
    phase.value = 'unreachable';
  }
}

/** What became of a try: `tries` are left after a wrong PIN, `seconds` to wait when there were too many. */
export type Try = { kind: 'in' } | { kind: 'over' } | { kind: 'wrong'; tries: number } | { kind: 'wait'; seconds: number } | { kind: 'failed' };

export async function enter(pin: string, name: string, institution: string): Promise<Try> {
  try {
    const answer = await post('/api/guest', { code, secret, pin, name, institution, agree: true });
    if (answer.ok) {
      arrive((await answer.json()) as Here);
      return { kind: 'in' };
    }
    if (answer.status === 429) return { kind: 'wait', seconds: Number(answer.headers.get('retry-after')) || 60 };
    if (answer.status === 403) {
      const said = ((await answer.json()) as { detail?: string }).detail ?? '';
      return { kind: 'wrong', tries: Number(/\d+/.exec(said)?.[0] ?? 0) };
    }
    if (answer.status === 404) {
      phase.value = 'over';
      return { kind: 'over' };
    }
  } catch {
    // Said below.
  }
  return { kind: 'failed' };
}

/** Leaves: the session ends, and what was seen is let go of. */
export async function leave(): Promise<void> {
  const csrf = here.value?.csrf ?? '';
  end('left');
  try {
    await ask('/api/guest', { method: 'DELETE', headers: { 'X-CSRF-Token': csrf } });
  } catch {
    // The session then ends by itself.
  }
}

/** Called by whoever was answered that there is no such guest any more. */
export function over(): void {
  if (phase.value === 'inside') end('over');
}

let asking: ReturnType<typeof setTimeout> | undefined;

function arrive(told: Here): void {
  here.value = told;
  phase.value = 'inside';
  sessionStorage.setItem(INSIDE, code);
  // The secret has done its work: it is not to stay in the address, the history or a photograph of the screen.
  secret = '';
  if (location.hash) history.replaceState(null, '', location.pathname);
  clearTimeout(asking);
  asking = setTimeout(() => void again(), ASK_MS);
}

async function again(): Promise<void> {
  clearTimeout(asking);
  if (phase.value !== 'inside') return;
  try {
    const answer = await ask('/api/guest');
    reached.value = true;
    if (answer.status === 401 || answer.status === 403 || answer.status === 404) return end('over');
    if (answer.ok && phase.value === 'inside') here.value = (await answer.json()) as Here;
  } catch {
    reached.value = false;
  }
  clearTimeout(asking);
  asking = setTimeout(() => void again(), ASK_MS);
}

function end(how: 'over' | 'left'): void {
  clearTimeout(asking);
  if (how === 'left') sessionStorage.removeItem(INSIDE);
  phase.value = how;
  here.value = null;
}

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') void again();
});

function post(path: string, body: unknown): Promise<Response> {
  return ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}
