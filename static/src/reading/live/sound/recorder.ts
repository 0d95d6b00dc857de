/** Records this browser's own microphone while the room's sound may be recorded: pieces of some seconds, each a file of its
 * own, stamped with the room's clock. */
import { effect, signal } from '@preact/signals';
import { uuid } from '../../../common/uuid';
import { me, room, status } from '../room';
import { microphone, muted } from '../voice';
import { clock } from './clock';
import { keep } from './keep';
import { mine, running, sound, stale } from './state';

const PIECE = 5000;
const BITS = 24_000;
/** So long the server counts who was cut off as there. */
const AWAY = 20_000;
const TYPES = ['audio/webm;codecs=opus', 'audio/ogg;codecs=opus', 'audio/mp4'];

/** This browser cannot record. */
export const unable = signal(false);

interface Recording {
  recorder: MediaRecorder;
  take: number;
  over: Promise<void>;
}

let current: Recording | null = null;
let next: ReturnType<typeof setTimeout> | undefined;
let away: ReturnType<typeof setTimeout> | undefined;

/** Records whenever it may, from now on. */
export function record(): void {
  effect(() => {
    const track = microphone.value;
    const take = track && !muted.value && mine.value ? running.value : 0;
    if (take !== (current?.take ?? 0)) change(take, track);
  });
  effect(() => {
    clearTimeout(away);
    if (status.value === 'in') stale.value = false;
    else away = setTimeout(() => (stale.value = true), AWAY);
  });
  effect(() => {
    unable.value = sound.value.asked > 0 && !type();
  });
}

/** Ends the piece that is being recorded, as before leaving the page; resolves when it is kept. */
export async function rest(): Promise<void> {
  const last = current;
  change(0, null);
  await Promise.race([last?.over, new Promise((resolve) => setTimeout(resolve, 800))]);
}

function change(take: number, track: MediaStreamTrack | null): void {
  clearTimeout(next);
  const before = current;
  current = take && track ? begun(take, track) : null;
  // The new recorder has begun before the old one ends: words are not cut between two pieces.
  if (before?.recorder.state === 'recording') before.recorder.stop();
  if (current && track) next = setTimeout(() => change(take, track), PIECE);
}

function begun(take: number, track: MediaStreamTrack): Recording | null {
  const mimeType = type();
  const code = room.value?.code;
  if (!mimeType || !code || track.readyState !== 'live') return null;
  const recorder = new MediaRecorder(new MediaStream([track]), { mimeType, audioBitsPerSecond: BITS });
  const parts: Blob[] = [];
  const owner = me.value;
  let at = clock();
  let until = 0;
  recorder.onstart = () => (at = clock());
  recorder.ondataavailable = ({ data }) => {
    until ||= clock();
    if (data.size) parts.push(data);
  };
  const over = new Promise<void>((resolve) => {
    recorder.onstop = () => {
      const ms = Math.max(20, (until || clock()) - at);
      const blob = new Blob(parts, { type: mimeType });
      if (!blob.size) resolve();
      else void keep({ id: uuid(), owner, room: code, take, at, ms, blob }).finally(resolve);
    };
  });
  recorder.start();
  return { recorder, take, over };
}

function type(): string {
  if (typeof MediaRecorder === 'undefined') return '';
  return TYPES.find((one) => MediaRecorder.isTypeSupported(one)) ?? '';
}
