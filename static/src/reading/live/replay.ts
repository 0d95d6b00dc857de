/** A session once more: its events and what moved, put into the same signals as a room that is going on. */
import { batch, signal } from '@preact/signals';
import { get } from '../../common/api';
import { cases, events, following, looks, me, people, room, screens, status, type Event, type Person, type Place, type RoomRow } from './room';
import { merged, type Change, type State } from './state';

interface Stretch {
  number: number;
  at: number;
  moves: [number, string, Change][];
}

export interface Replay {
  from: number;
  to: number;
  at: number;
  speed: number;
  playing: boolean;
}

export const replay = signal<Replay | null>(null);
export const SPEEDS = [1, 2, 4, 8] as const;
const TICK = 66;

let told: Event[] = [];
let stretches: Stretch[] = [];
let first = '';
let who: Person[] = [];
let timer: ReturnType<typeof setInterval> | undefined;
let ticked = 0;

/** Loads a session and stands at its beginning, or at `at` milliseconds after it. */
export async function open(code: string, at = 0): Promise<void> {
  const path = `/api/rooms/${code}`;
  const row = await get<RoomRow & { people: { key: string; name: string; colour: number }[] }>(path);
  told = await all<Event, { events: Event[]; last: number }>(`${path}/events`, (page) => [page.events, page.last]);
  stretches = await all<Stretch, { stretches: Stretch[] }>(`${path}/track`, (page) => [page.stretches, page.stretches.at(-1)?.number ?? 0]);
  first = row.created_by;
  who = row.people.map((one, n) => ({ ...one, n, hospital: '', here: false, guest: one.key.startsWith('guest-') }));
  const last = stretches.at(-1);
  const ends = [row.created_at, told.at(-1)?.at ?? 0, last ? last.at + (last.moves.at(-1)?.[0] ?? 0) : 0];
  batch(() => {
    status.value = 'replay';
    me.value = '';
    room.value = row;
    cases.value = row.cases ?? [];
    following.value = true;
    replay.value = { from: row.created_at, to: Math.max(...ends), at: row.created_at + at, speed: 1, playing: false };
  });
  history.replaceState(null, '', `#replay=${code}`);
  show();
  clearInterval(timer);
  timer = setInterval(tick, TICK);
}

export function close(): void {
  clearInterval(timer);
  batch(() => {
    replay.value = null;
    status.value = 'none';
    room.value = null;
    screens.value = new Map();
  });
  history.replaceState(null, '', location.pathname);
}

export function play(on: boolean): void {
  const now = replay.value;
  if (now) replay.value = { ...now, playing: on, at: on && now.at >= now.to ? now.from : now.at };
}

export function seek(at: number): void {
  const now = replay.value;
  if (!now) return;
  replay.value = { ...now, at: Math.min(now.to, Math.max(now.from, at)) };
  show();
}

export function speed(times: number): void {
  if (replay.value) replay.value = { ...replay.value, speed: times };
}

function tick(): void {
  const now = replay.value;
  const since = performance.now() - ticked; // a page in the background ticks seldom
  ticked += since;
  if (!now?.playing) return;
  const at = Math.min(now.to, now.at + since * now.speed);
  replay.value = { ...now, at, playing: at < now.to };
  show();
}

/** Everything as it was at that moment. Each stretch begins with whole states, so none before it is needed. */
function show(): void {
  const at = replay.value?.at ?? 0;
  const past = told.filter((one) => one.at <= at);
  let presenter = first;
  let step = 0;
  const here = new Set<string>();
  for (const one of past) {
    if (one.kind === 'presenter') presenter = String(one.body['to']);
    if (one.kind === 'step') step = Number(one.body['case']);
    if (one.kind === 'joined') here.add(one.by);
    if (one.kind === 'left') here.delete(one.by);
  }
  const states = new Map<string, State>();
  const stretch = stretches.filter((one) => one.at <= at).at(-1);
  for (const [after, member, change] of stretch?.moves ?? []) {
    if (stretch && stretch.at + after <= at) states.set(member, merged(states.get(member) ?? {}, change));
  }
  batch(() => {
    if (room.value) room.value = { ...room.value, presenter, step };
    events.value = past;
    people.value = who.map((one) => ({ ...one, here: here.has(one.key) }));
    screens.value = new Map(who.flatMap((one) => (states.has(one.key) && here.has(one.key) ? [[one.n, states.get(one.key) as State] as const] : [])));
    looks.value = past.filter((one) => one.kind === 'look' && at - one.at < 5000).map((one) => ({ ...(one.body as unknown as Place), by: one.by, at: Date.now() }));
  });
}

async function all<One, Page>(path: string, read: (page: Page) => [One[], number]): Promise<One[]> {
  const found: One[] = [];
  let after: number | undefined;
  for (;;) {
    const page = await get<Page & { complete: boolean }>(path, { after });
    const [list, last] = read(page);
    found.push(...list);
    if (page.complete) return found;
    after = last;
  }
}
