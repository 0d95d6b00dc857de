/** The voices of a session that is replayed, in step with its events: seeking, pausing and the speed are the replay's. */
import { computed, effect, signal } from '@preact/signals';
import { get, request } from '../../../common/api';
import { replay } from '../replay';
import { room } from '../room';
import { faster } from './stretch';

export interface Heard {
  id: string;
  by: string;
  at: number;
  ms: number;
}

interface Listed {
  pieces: Heard[];
  deletable: boolean;
  deleted_at: number | null;
}

interface Loaded {
  buffer: AudioBuffer;
  /** How loud it is, every 50 ms. */
  loudness: Float32Array;
  quick: Map<number, AudioBuffer>;
}

/** Speech at these speeds is understood; faster, there is silence. */
export const AUDIBLE = 2;
const STEP = 50;
const LOUD = 0.01;
const AHEAD = 8000;
const MOST_LOADED = 80;
const OUT_OF_STEP = 150;

export const pieces = signal<readonly Heard[]>([]);
export const deletable = signal(false);
export const deletedAt = signal<number | null>(null);
export const silenced = signal(false);
const loadedSome = signal(0);

const loaded = new Map<string, Loaded | null>();
const playing = new Map<string, AudioBufferSourceNode>();
let context: AudioContext | null = null;
let volume: GainNode | null = null;
let anchor = { at: 0, time: 0, speed: 0 };

/** Who is heard at the moment of the replay. */
export const speaking = computed<ReadonlySet<string>>(() => {
  void loadedSome.value;
  const at = replay.value?.at ?? 0;
  const found = new Set<string>();
  for (const one of pieces.value) {
    if (at < one.at || at >= one.at + one.ms) continue;
    const level = loaded.get(one.id)?.loudness[Math.floor((at - one.at) / STEP)] ?? 0;
    if (level > LOUD) found.add(one.by);
  }
  return found;
});

/** Plays along with every replay, from now on. */
export function playAlong(): void {
  let code = '';
  effect(() => {
    const now = replay.value;
    const next = now ? (room.value?.code ?? '') : '';
    if (next !== code) {
      code = next;
      void list(code);
    }
    step(now);
  });
  effect(() => {
    if (volume) volume.gain.value = silenced.value ? 0 : 1;
  });
}

/** Deletes the recording for good. */
export async function remove(reason: string): Promise<void> {
  const code = room.value?.code ?? '';
  await request('DELETE', `/api/rooms/${code}/sound`, { json: { reason } });
  await list(code);
}

async function list(code: string): Promise<void> {
  stop();
  loaded.clear();
  const told = code ? await get<Listed>(`/api/rooms/${code}/sound`).catch(() => null) : null;
  if ((room.value?.code ?? '') !== code && code) return;
  pieces.value = told?.pieces ?? [];
  deletable.value = told?.deletable ?? false;
  deletedAt.value = told?.deleted_at ?? null;
}

/** What is to sound now and soon is loaded, and begins when its moment comes. */
function step(now: typeof replay.value): void {
  if (!now || !pieces.value.length) {
    stop();
    return;
  }
  const near = pieces.value.filter((one) => one.at + one.ms > now.at && one.at < now.at + AHEAD * now.speed);
  for (const one of near) load(one);
  if (!now.playing || now.speed > AUDIBLE) {
    stop();
    return;
  }
  const audio = ready();
  const expected = anchor.at + (audio.currentTime - anchor.time) * 1000 * anchor.speed;
  if (anchor.speed !== now.speed || Math.abs(expected - now.at) > OUT_OF_STEP) {
    stop();
    anchor = { at: now.at, time: audio.currentTime, speed: now.speed };
  }
  for (const one of near) begin(one, audio);
}

function begin(piece: Heard, audio: AudioContext): void {
  const found = loaded.get(piece.id);
  if (!found || playing.has(piece.id)) return;
  const { at, time, speed } = anchor;
  const source = audio.createBufferSource();
  source.buffer = speed === 1 ? found.buffer : quicker(found, speed, audio);
  source.connect(volume ?? audio.destination);
  const when = time + (piece.at - at) / 1000 / speed;
  const late = Math.max(0, audio.currentTime - when);
  source.onended = () => {
    if (playing.get(piece.id) === source) playing.delete(piece.id);
  };
  if (late >= source.buffer.duration) return;
  source.start(Math.max(when, audio.currentTime), late);
  playing.set(piece.id, source);
}

function stop(): void {
  for (const source of playing.values()) {
    source.onended = null;
    source.stop();
  }
  playing.clear();
  anchor = { at: 0, time: 0, speed: 0 };
}

function ready(): AudioContext {
  if (!context) {
    context = new AudioContext();
    volume = context.createGain();
    volume.gain.value = silenced.peek() ? 0 : 1;
    volume.connect(context.destination);
  }
  if (context.state === 'suspended') void context.resume();
  return context;
}

function load(piece: Heard): void {
  if (loaded.has(piece.id)) return;
  loaded.set(piece.id, null);
  void fetched(piece).then(
    (found) => {
      loaded.set(piece.id, found);
      for (const id of loaded.keys()) {
        if (loaded.size <= MOST_LOADED) break;
        if (id !== piece.id && !playing.has(id)) loaded.delete(id);
      }
      loadedSome.value += 1;
    },
    () => setTimeout(() => loaded.delete(piece.id), 3000),
  );
}

async function fetched(piece: Heard): Promise<Loaded> {
  const answer = await fetch(`/api/rooms/${room.peek()?.code ?? ''}/sound/${piece.id}`, { credentials: 'same-origin' });
  if (!answer.ok) throw new Error(String(answer.status));
  const buffer = await new OfflineAudioContext(1, 1, 48_000).decodeAudioData(await answer.arrayBuffer());
  return { buffer, loudness: loudnessOf(buffer), quick: new Map() };
}

function quicker(found: Loaded, speed: number, audio: AudioContext): AudioBuffer {
  const known = found.quick.get(speed);
  if (known) return known;
  const { sampleRate } = found.buffer;
  const samples = faster(found.buffer.getChannelData(0), sampleRate, speed);
  const made = audio.createBuffer(1, Math.max(1, samples.length), sampleRate);
  made.copyToChannel(new Float32Array(samples), 0);
  found.quick.set(speed, made);
  return made;
}

function loudnessOf(buffer: AudioBuffer): Float32Array {
  const samples = buffer.getChannelData(0);
  const size = Math.round((buffer.sampleRate * STEP) / 1000);
  return Float32Array.from({ length: Math.ceil(samples.length / size) }, (_, n) => {
    let sum = 0;
    for (const one of samples.subarray(n * size, (n + 1) * size)) sum += one * one;
    return Math.sqrt(sum / size);
  });
}
