/** The room this window is in: who is here, what was said, what their screens show, and everything one can do in it. */
import { batch, computed, signal } from '@preact/signals';
import { get, loadSession, post, session } from '../../common/api';
import type { Named } from '../../common/at';
import { isOpen, studyAt, studyUid } from '../control/room';
import { liveUnread } from '../slots';
import { Link, type Message, type Moves } from './link';
import { merged, type State } from './state';

export interface Person {
  n: number;
  key: string;
  name: string;
  hospital: string;
  colour: number;
  here: boolean;
  guest: boolean;
}

export interface Case {
  position: number;
  label: string;
  StudyInstanceUID: string | null;
  /** The code of the hospital whose study it is; null for a copy. */
  hospital: string | null;
}

export interface RoomRow {
  code: string;
  title: string;
  step: number;
  presenter: string;
  recording: boolean;
  guests: boolean;
  created_by: string;
  created_at: number;
  ended_at?: number | null;
  cases?: Case[];
}

export interface Event {
  n: number;
  at: number;
  by: string;
  kind: string;
  body: Record<string, unknown>;
  id?: string;
}

export interface Place {
  case: number;
  SeriesInstanceUID: string;
  SOPInstanceUID: string;
  frame: number;
  point: readonly number[];
  /** Where in the patient, in mm, when it was said on one of three planes. */
  place?: readonly number[];
}

export const room = signal<RoomRow | null>(null);
export const status = signal<'none' | 'joining' | 'in' | 'cut' | 'over' | 'replay'>('none');
export const why = signal('');
export const me = signal('');
export const people = signal<Person[]>([]);
export const cases = signal<Case[]>([]);
export const events = signal<Event[]>([]);
/** What others' screens show, by their number. */
export const screens = signal<ReadonlyMap<number, State>>(new Map());
export const following = signal(true);
export const pointing = signal(false);
/** The next click on an image is a *look here*. */
export const looking = signal(false);
export const looks = signal<(Place & { by: string; at: number })[]>([]);
export const pending = signal<{ id: string; text: string }[]>([]);
export const ice = signal<RTCIceServer[]>([]);
/** Voice goes by the relay only. */
export const relayOnly = signal(false);

export const presenter = computed(() => room.value?.presenter ?? '');
export const leads = computed(() => status.value !== 'none' && presenter.value === me.value);
export const mayLead = computed(() => {
  const here = new Set(people.value.filter((one) => one.here).map((one) => one.key));
  const { presenter: first = '', created_by: second = '' } = room.value ?? {};
  return me.value === first || me.value === second || !(here.has(first) || here.has(second));
});
export const myCase = computed(() => cases.value.find(isOpen)?.position ?? 0);
export const hands = computed(() => {
  const up = new Set<string>();
  for (const event of events.value) {
    if (event.kind === 'hand') up[event.body['up'] ? 'add' : 'delete'](event.by);
    if (event.kind === 'left') up.delete(event.by);
  }
  return up;
});

const ICE_LASTS = 5 * 3600 * 1000;
let iceAt = 0;
let link: Link | null = null;
const hearers = new Set<(message: Message) => void>();

/** For voice and drawings: every message as it comes. */
export function onMessage(hear: (message: Message) => void): () => void {
  hearers.add(hear);
  return () => hearers.delete(hear);
}

export const personOf = (key: string): Person | undefined => people.value.find((one) => one.key === key);
export const nameOf = (key: string): string => personOf(key)?.name ?? '…';
export const stateOf = (key: string): State => screens.value.get(personOf(key)?.n ?? -1) ?? {};
export const lobby = (ended: boolean): Promise<RoomRow[]> =>
  get<{ rooms: RoomRow[] }>(`${studyAt.value}/api/rooms`, { study: studyUid.value, ended: ended || undefined }).then((answer) => answer.rooms);

/** Opens a room on this study and goes in. */
export async function openRoom(title: string): Promise<void> {
  const consult = new URLSearchParams(location.search).get('consult'); // the one these images were opened from
  const opened = await post<RoomRow>(`${studyAt.value}/api/rooms`, { studies: [studyUid.value], title, ...(consult ? { consult } : {}) });
  enter(opened.code);
}

/** Goes into a room; the address then names it, so that a reload or a link leads there. */
export function enter(code: string): void {
  link?.leave();
  batch(() => {
    room.value = null;
    events.value = [];
    people.value = [];
    screens.value = new Map();
    looks.value = [];
    following.value = true;
    why.value = '';
    liveUnread.value = 0;
  });
  history.replaceState(null, '', `#room=${code}`);
  const tickets = async (): Promise<string> => {
    if (!session.value) await loadSession(); // the page may ask to enter before it knows who we are
    return ticketTo(code);
  };
  link = new Link(`${location.origin.replace(/^http/, 'ws')}/ws`, code, tickets, {
    message: hear, moves, gone,
    status: (next, reason) => batch(() => {
      status.value = next;
      why.value = reason;
      if (next === 'over') {
        liveUnread.value = null;
        pointing.value = looking.value = false;
        screens.value = new Map();
      }
    }),
  });
}

/** A ticket; with it come the relays of voice and credentials for them, which last for hours. */
async function ticketTo(code: string): Promise<string> {
  const answer = await post<{ ticket: string; ice: RTCIceServer[]; relay_only: boolean }>(`/api/rooms/${code}/ticket`, {}, { signal: AbortSignal.timeout(8000) });
  ice.value = answer.ice;
  relayOnly.value = answer.relay_only;
  iceAt = performance.now();
  return answer.ticket;
}

/** Sees to it that the credentials of relays are good for some time. */
export async function freshIce(): Promise<void> {
  if (performance.now() - iceAt > ICE_LASTS && room.value) await ticketTo(room.value.code).catch(() => undefined);
}

export function leave(): void {
  link?.leave();
  link = null;
  history.replaceState(null, '', location.pathname);
}

export function forget(): void {
  status.value = 'none';
  room.value = null;
}

export const say = (kind: string, body: Record<string, unknown>, id?: string): string => link?.say(kind, body, id) ?? '';
export const signal_to = (to: string, data: Record<string, unknown>): void => link?.signal(to, data);
export const move = (state: State): void => link?.move(state);

export function chat(text: string): void {
  const id = say('chat', { text });
  if (id) pending.value = [...pending.value, { id, text }];
}

export const raise = (up: boolean): void => void say('hand', { up });
export const handOver = (to: string): void => void say('presenter', { to });
export const step = (position: number): void => void say('step', { case: position });
export const lookHere = (place: Place): void => void say('look', { ...place });
export const admit = (on: boolean): void => void say('guests', { on });
export const finish = (): void => void say('ended', {});

/** Puts the cases in this order, and takes some off the agenda that were not looked at. */
export const arrange = (order: number[], removed: number[]): void => void say('agenda', { order, removed });

/** Adds a study to the agenda. */
export const addCase = ({ hospital, StudyInstanceUID }: Named): Promise<unknown> =>
  post(`/api/rooms/${room.value?.code ?? ''}/cases`, { StudyInstanceUID, hospital });

function hear(message: Message): void {
  batch(() => {
    switch (message.t) {
      case 'welcome': welcomed(message); break;
      case 'event': happened(message as unknown as Event, false); break;
      case 'people':
        people.value = message['people'] as Person[];
        if (room.value) room.value = { ...room.value, presenter: String(message['presenter']) };
        break;
      case 'cases': cases.value = message['cases'] as Case[]; break;
      case 'refused': pending.value = pending.value.filter((one) => one.id !== message['id'] || message['why'] === 'again'); break;
    }
  });
  for (const one of hearers) one(message);
}

function welcomed(message: Message): void {
  me.value = String(message['me']);
  room.value = message['room'] as RoomRow;
  cases.value = message['cases'] as Case[];
  people.value = message['people'] as Person[];
  screens.value = new Map();
  for (const event of message['events'] as Event[]) happened(event, true);
  const waiting = link?.unsent.filter((one) => one.kind === 'chat') ?? [];
  pending.value = waiting.map((one) => ({ id: one.id, text: String(one.body['text']) }));
}

function happened(event: Event, before: boolean): void {
  if (events.value.some((one) => one.n === event.n)) return;
  events.value = [...events.value, event];
  pending.value = pending.value.filter((one) => one.id !== event.id);
  if (event.kind === 'chat' && event.by !== me.value && !before) liveUnread.value = (liveUnread.value ?? 0) + 1;
  const current = room.value;
  if (!current) return;
  if (event.kind === 'presenter') {
    room.value = { ...current, presenter: String(event.body['to']) };
    if (event.body['to'] !== me.value && !before) following.value = true;
  }
  if (event.kind === 'step') room.value = { ...current, step: Number(event.body['case']) };
  if (event.kind === 'recording') room.value = { ...current, recording: event.body['on'] === true };
  if (event.kind === 'guests') room.value = { ...current, guests: event.body['on'] === true };
  if (event.kind === 'look' && !before) {
    looks.value = [...looks.value.slice(-4), { ...(event.body as unknown as Place), by: event.by, at: Date.now() }];
  }
}

function moves(list: Moves): void {
  const next = new Map(screens.value);
  for (const [number, change] of list) next.set(number, merged(next.get(number) ?? {}, change));
  screens.value = next;
}

function gone(number: number): void {
  const next = new Map(screens.value);
  next.delete(number);
  screens.value = next;
}

/** The name people see of whoever uses this window. */
export const myName = (): string => session.value?.user.display_name ?? '';
