/** Voice from browser to browser, each with each, up to five. The room carries only what they must tell each other to
 * begin. When it cannot be had the room goes on without, says what is wrong and what can be done, and tries again when asked. */
import { batch, effect, signal } from '@preact/signals';
import { uuid } from '../../common/uuid';
import { freshIce, ice, me, onMessage, people, relayOnly, room, screens, signal_to, status } from './room';

export const MOST = 5;
const CONNECTS_IN = 20_000;
const LOOK = 2000;
const ASKS_AFTER = 1500;
/** What `v` of a screen says first: speaks, muted, or only hears. */
export const ONLY_HEARS = 2;

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
  found: number;
}

type Signal = { call: string; offer?: RTCSessionDescriptionInit; answer?: RTCSessionDescriptionInit; candidate?: RTCIceCandidateInit; bye?: boolean; again?: boolean };
export type Trouble = '' | 'denied' | 'missing' | 'busy' | 'insecure' | 'unsupported' | 'full';

export const voice = signal<'off' | 'asking' | 'on'>('off');
export const voiceTrouble = signal<Trouble>('');
export const muted = signal(false);
export const camera = signal(false);
export const cameraTrouble = signal(false);
/** The own voice, while one speaks; null for who only hears. */
export const microphone = signal<MediaStreamTrack | null>(null);
export const ownPicture = signal<MediaStream | null>(null);
export const peers = signal<ReadonlyMap<string, Peer>>(new Map());

let own = new MediaStream();
const lines = new Map<string, Line>();
const WAS = 'hoichan.live.voice';
let came = '';
let asking: ReturnType<typeof setTimeout> | undefined;
/** Lines that broke are called once more by themselves. */
const mended = new Map<string, number>();

/** Who else is in the call, as their screens say. */
const speakers = (): string[] =>
  people.value.filter((one) => one.key !== me.value && screens.value.get(one.n)?.v).map((one) => one.key);

/** What this screen says of its voice; undefined for who is not in the call. */
export const spoken = (): readonly number[] | undefined =>
  voice.value === 'on' ? [microphone.value ? Number(muted.value) : ONLY_HEARS, Number(camera.value)] : undefined;

/** Joins the call: asks for the microphone, then calls everybody who is in it. */
export async function speak(): Promise<void> {
  if (voice.value === 'asking') return;
  if (voice.value === 'on') hangUp();
  const cannot = impossible();
  voiceTrouble.value = cannot;
  if (cannot) return;
  voice.value = 'asking';
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
    join(stream.getAudioTracks()[0] ?? null);
  } catch (error) {
    batch(() => {
      voice.value = 'off';
      voiceTrouble.value = reason(error);
    });
  }
}

/** Joins the call without a microphone. */
export function listenOnly(): void {
  if (voice.value === 'off' && !['insecure', 'unsupported', 'full'].includes(impossible())) join(null);
}

function impossible(): Trouble {
  if (typeof RTCPeerConnection === 'undefined') return 'unsupported';
  if (!isSecureContext) return 'insecure';
  if (!('mediaDevices' in navigator)) return 'unsupported';
  return speakers().length >= MOST ? 'full' : '';
}

function reason(error: unknown): Trouble {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing';
  return name === 'NotReadableError' || name === 'AbortError' ? 'busy' : 'denied';
}

function join(track: MediaStreamTrack | null): void {
  if (status.value !== 'in' && status.value !== 'cut') { // one left while the browser was asking
    track?.stop();
    voice.value = 'off';
    return;
  }
  own = new MediaStream(track ? [track] : []);
  track?.addEventListener('ended', () => { // unplugged, or taken away
    if (microphone.value !== track) return;
    hangUp();
    voiceTrouble.value = 'missing';
  });
  mended.clear();
  batch(() => {
    voice.value = 'on';
    voiceTrouble.value = '';
    muted.value = camera.value = cameraTrouble.value = false;
    microphone.value = track;
  });
}

export function hangUp(): void {
  remember('');
  for (const key of [...lines.keys()]) {
    send(key, { call: lines.get(key)?.id ?? '', bye: true });
    drop(key);
  }
  batch(() => {
    voice.value = 'off';
    camera.value = cameraTrouble.value = false;
    microphone.value = ownPicture.value = null;
  });
  own.getTracks().forEach((track) => track.stop());
  own = new MediaStream();
}

export function toggleMute(): void {
  muted.value = !muted.value;
  own.getAudioTracks().forEach((track) => (track.enabled = !muted.value));
}

/** A small picture, only when somebody turns it on. */
export async function toggleCamera(): Promise<void> {
  cameraTrouble.value = false;
  if (camera.value) {
    endPicture();
    return;
  }
  const picture = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240, frameRate: 12 } }).catch(() => null);
  const track = picture?.getVideoTracks()[0];
  if (!track || voice.value !== 'on') {
    track?.stop();
    cameraTrouble.value = voice.value === 'on';
    return;
  }
  track.addEventListener('ended', endPicture);
  own.addTrack(track);
  for (const { connection } of lines.values()) connection.addTrack(track, own);
  batch(() => {
    camera.value = true;
    ownPicture.value = picture;
  });
}

function endPicture(): void {
  for (const track of own.getVideoTracks()) {
    track.stop();
    own.removeTrack(track);
    for (const { connection } of lines.values()) connection.getSenders().filter((one) => one.track === track).forEach((one) => connection.removeTrack(one));
  }
  batch(() => {
    camera.value = false;
    ownPicture.value = null;
  });
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
    for (const key of wanted) if (!lines.has(key) && me.value < key && lines.size < MOST - 1) call(key);
    // … unless its page was left and came back before that was noticed: then who is to be called asks for it.
    clearTimeout(asking);
    asking = setTimeout(() => {
      for (const key of speakers()) if (voice.value === 'on' && !lines.has(key) && me.value > key) send(key, { call: '', again: true });
    }, ASKS_AFTER);
  });
  effect(() => rejoin());
  addEventListener('pagehide', () => lines.forEach(({ id }, key) => send(key, { call: id, bye: true })));
  setInterval(() => void look(), LOOK);
}

/** Calls again somebody who could not be reached. */
export function retry(key: string): void {
  drop(key);
  set(key, { state: 'connecting' });
  if (me.value < key) call(key);
  else send(key, { call: '', again: true });
}

function call(key: string): void {
  const line = lineTo(key, uuid());
  void freshIce().then(() => {
    if (lines.get(key) !== line) return;
    line.connection.setConfiguration(configuration());
    return offer(key, line);
  }).catch(() => {
    if (lines.get(key) === line) set(key, { state: 'failed' });
  });
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

const configuration = (): RTCConfiguration => ({ iceServers: ice.value, iceTransportPolicy: relayOnly.value ? 'relay' : 'all' });

function lineTo(key: string, id: string): Line {
  drop(key);
  const connection = new RTCPeerConnection(configuration());
  const line: Line = { connection, id, waiting: [], began: performance.now(), packets: 0, making: false, found: 0 };
  lines.set(key, line);
  set(key, { state: 'connecting', heard: false, stream: null });
  for (const track of own.getTracks()) connection.addTrack(track, own);
  if (!own.getAudioTracks().length && me.value < key) connection.addTransceiver('audio', { direction: 'recvonly' });
  connection.addEventListener('icecandidate', ({ candidate }) => {
    if (candidate?.candidate) {
      line.found += 1;
      send(key, { call: id, candidate: candidate.toJSON() });
    }
  });
  connection.addEventListener('icegatheringstatechange', () => {
    // Nothing leads out of here: a firewall, or a relay that does not answer.
    if (connection.iceGatheringState === 'complete' && !line.found && lines.get(key) === line) set(key, { state: 'failed' });
  });
  connection.addEventListener('track', ({ streams }) => set(key, { stream: streams[0] ?? null }));
  connection.addEventListener('connectionstatechange', () => changed(key, line));
  connection.addEventListener('negotiationneeded', () => {
    if (connection.remoteDescription) void offer(key, line).catch(() => undefined);
  });
  return line;
}

function changed(key: string, line: Line): void {
  if (lines.get(key) !== line) return;
  const state = line.connection.connectionState;
  if (state === 'connected') {
    mended.delete(key);
    set(key, { state: 'connected' });
  }
  if (state !== 'failed') return;
  set(key, { state: 'failed', heard: false });
  // A cable was pulled or a network changed: once more by itself, then when somebody asks.
  if (me.value < key && !mended.has(key) && peers.value.get(key)?.stream) {
    mended.set(key, 1);
    retry(key);
  }
}

async function heard(key: string, data: Signal): Promise<void> {
  if (voice.value !== 'on') return;
  let line = lines.get(key);
  if (data.again) {
    if (me.value < key) call(key);
    return;
  }
  if (data.bye) {
    if (line?.id === data.call) drop(key);
    return;
  }
  if (data.offer && line?.id !== data.call) {
    await freshIce();
    if (!lines.has(key) && lines.size >= MOST - 1) return;
    line = lineTo(key, data.call);
  }
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
  if (voice.value === 'on' && speaking.size >= MOST && ![...peers.value.values()].some((one) => one.state === 'connected')) {
    hangUp(); // two came at once, and there was room for one
    voiceTrouble.value = 'full';
    return;
  }
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
    if (lines.get(key) !== line) continue;
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
  if (peers.value.has(key) && Object.entries(change).every(([name, value]) => before[name as keyof Peer] === value)) return;
  peers.value = new Map(peers.value).set(key, { ...before, ...change });
}

const send = (key: string, data: Signal): void => signal_to(key, { ...data });

/** Who was in the call and comes back to the room from another of its pages is in the call again. */
function rejoin(): void {
  const code = room.value?.code;
  const now = voice.value;
  if (!code || status.value !== 'in') return;
  const first = came !== code;
  came = code;
  if (first && now === 'off' && was() === code) void speak();
  else if (now !== 'asking') remember(now === 'on' ? code : '');
}

function was(): string {
  try {
    return sessionStorage.getItem(WAS) ?? '';
  } catch {
    return ''; // a window that may not store asks again
  }
}

function remember(code: string): void {
  try {
    if (code) sessionStorage.setItem(WAS, code);
    else sessionStorage.removeItem(WAS);
  } catch {
    // The same.
  }
}
