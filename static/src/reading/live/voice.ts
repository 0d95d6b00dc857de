/** Voice from browser to browser, each with each, up to five. The room carries only what they must tell each other to
 * begin. When it cannot be had the room goes on without, and says so. */
import { batch, effect, signal } from '@preact/signals';
import { uuid } from '../../common/uuid';
import { ice, me, onMessage, people, screens, signal_to, status } from './room';

export const MOST = 5;
const CONNECTS_IN = 20_000;
const LOOK = 2000;

export interface Peer {
  state: 'connecting' | 'connected' | 'failed';
  /** Sound has arrived lately. */
  heard: boolean;
  stream: MediaStream | null;
}

interface Line {
  connection: RTCPeerConnection;
  /** Names this attempt, so that what belongs to an earlier one is left alone. */
  id: string;
  waiting: RTCIceCandidateInit[];
  began: number;
  packets: number;
  making: boolean;
}

type Signal = { call: string; offer?: RTCSessionDescriptionInit; answer?: RTCSessionDescriptionInit; candidate?: RTCIceCandidateInit; bye?: boolean };

export const voice = signal<'off' | 'asking' | 'on'>('off');
export const voiceTrouble = signal<'' | 'denied' | 'full'>('');
export const muted = signal(false);
export const camera = signal(false);
export const peers = signal<ReadonlyMap<string, Peer>>(new Map());

let own: MediaStream | null = null;
const lines = new Map<string, Line>();

/** Who else speaks, as their screens say. */
const speakers = (): string[] =>
  people.value.filter((one) => one.key !== me.value && screens.value.get(one.n)?.v).map((one) => one.key);

/** Joins the call: asks for the microphone, then calls everybody who speaks. */
export async function speak(): Promise<void> {
  voiceTrouble.value = '';
  if (speakers().length >= MOST) {
    voiceTrouble.value = 'full';
    return;
  }
  voice.value = 'asking';
  try {
    own = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
  } catch {
    batch(() => {
      voice.value = 'off';
      voiceTrouble.value = 'denied';
    });
    return;
  }
  batch(() => {
    voice.value = 'on';
    muted.value = camera.value = false;
  });
}

export function hangUp(): void {
  for (const key of [...lines.keys()]) {
    send(key, { call: lines.get(key)?.id ?? '', bye: true });
    drop(key);
  }
  own?.getTracks().forEach((track) => track.stop());
  own = null;
  batch(() => {
    voice.value = 'off';
    camera.value = false;
  });
}

export function toggleMute(): void {
  muted.value = !muted.value;
  own?.getAudioTracks().forEach((track) => (track.enabled = !muted.value));
}

/** A small picture, only when somebody turns it on. */
export async function toggleCamera(): Promise<void> {
  if (!own) return;
  if (camera.value) {
    for (const track of own.getVideoTracks()) {
      track.stop();
      own.removeTrack(track);
      for (const { connection } of lines.values()) connection.getSenders().filter((one) => one.track === track).forEach((one) => connection.removeTrack(one));
    }
    camera.value = false;
    return;
  }
  const picture = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240, frameRate: 12 } }).catch(() => null);
  const track = picture?.getVideoTracks()[0];
  if (!track || !own) return;
  own.addTrack(track);
  for (const { connection } of lines.values()) connection.addTrack(track, own);
  camera.value = true;
}

/** Hears of others who speak, and of what they signal. */
export function listen(): void {
  onMessage((message) => {
    if (message.t === 'rtc') void heard(String(message['from']), message['data'] as Signal).catch(() => undefined);
  });
  effect(() => {
    const wanted = voice.value === 'on' && status.value === 'in' ? speakers() : null;
    if (!wanted) {
      if (status.value === 'over' && voice.value === 'on') hangUp();
      return;
    }
    // Of two, the one whose key sorts first calls; the other is called as soon as it is seen to speak.
    for (const key of wanted) if (!lines.has(key) && me.value < key && lines.size < MOST - 1) void call(key).catch(() => set(key, { state: 'failed' }));
  });
  setInterval(() => void look(), LOOK);
}

async function call(key: string): Promise<void> {
  const line = lineTo(key, uuid());
  await offer(key, line);
}

async function offer(key: string, line: Line): Promise<void> {
  line.making = true;
  try {
    await line.connection.setLocalDescription();
    send(key, { call: line.id, offer: line.connection.localDescription ?? undefined });
  } finally {
    line.making = false;
  }
}

function lineTo(key: string, id: string): Line {
  drop(key);
  const connection = new RTCPeerConnection({ iceServers: ice.value });
  const line: Line = { connection, id, waiting: [], began: performance.now(), packets: 0, making: false };
  lines.set(key, line);
  set(key, { state: 'connecting', heard: false, stream: null });
  for (const track of own?.getTracks() ?? []) if (own) connection.addTrack(track, own);
  connection.addEventListener('icecandidate', ({ candidate }) => {
    if (candidate) send(key, { call: id, candidate: candidate.toJSON() });
  });
  connection.addEventListener('track', ({ streams }) => set(key, { stream: streams[0] ?? null }));
  connection.addEventListener('connectionstatechange', () => {
    const state = connection.connectionState;
    if (state === 'connected') set(key, { state: 'connected' });
    if (state === 'failed') set(key, { state: 'failed' });
  });
  connection.addEventListener('negotiationneeded', () => {
    if (connection.remoteDescription) void offer(key, line).catch(() => undefined);
  });
  return line;
}

async function heard(key: string, data: Signal): Promise<void> {
  if (voice.value !== 'on') return;
  let line = lines.get(key);
  if (data.bye) {
    if (line?.id === data.call) drop(key);
    return;
  }
  if (data.offer && line?.id !== data.call) line = lineTo(key, data.call);
  if (!line || line.id !== data.call) return;
  const { connection } = line;
  if (data.offer) {
    // Both changed something at once: who sorts first gives way.
    if ((line.making || connection.signalingState !== 'stable') && me.value > key) return;
    await connection.setRemoteDescription(data.offer);
    await connection.setLocalDescription();
    send(key, { call: line.id, answer: connection.localDescription ?? undefined });
  }
  if (data.answer) await connection.setRemoteDescription(data.answer);
  if (data.candidate) {
    if (connection.remoteDescription) await connection.addIceCandidate(data.candidate);
    else line.waiting.push(data.candidate);
  }
  if (connection.remoteDescription) for (const one of line.waiting.splice(0)) await connection.addIceCandidate(one);
}

/** Whether sound arrives, and who cannot be reached; those who no longer speak are let go. */
async function look(): Promise<void> {
  const speaking = new Set(speakers());
  for (const [key, line] of lines) {
    const { connectionState } = line.connection;
    if (status.value === 'in' && !speaking.has(key) && connectionState !== 'connected') {
      drop(key);
      continue;
    }
    if (connectionState !== 'connected') {
      if (performance.now() - line.began > CONNECTS_IN) set(key, { state: 'failed', heard: false });
      continue;
    }
    let packets = 0;
    (await line.connection.getStats()).forEach((report: { type: string; kind?: string; packetsReceived?: number }) => {
      if (report.type === 'inbound-rtp' && report.kind === 'audio') packets += report.packetsReceived ?? 0;
    });
    set(key, { heard: packets > line.packets });
    line.packets = packets;
  }
}

function drop(key: string): void {
  lines.get(key)?.connection.close();
  lines.delete(key);
  if (!peers.value.has(key)) return;
  const next = new Map(peers.value);
  next.delete(key);
  peers.value = next;
}

function set(key: string, change: Partial<Peer>): void {
  const before = peers.value.get(key) ?? { state: 'connecting', heard: false, stream: null };
  if (Object.entries(change).every(([name, value]) => before[name as keyof Peer] === value)) return;
  peers.value = new Map(peers.value).set(key, { ...before, ...change });
}

const send = (key: string, data: Signal): void => signal_to(key, { ...data });
