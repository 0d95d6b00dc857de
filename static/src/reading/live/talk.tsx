/** The voice call in the panel: its buttons, what is wrong with it and what can be done, who is in it, and pictures. */
import { useEffect, useRef } from 'preact/hooks';
import { Tool } from './panel';
import { ice, me, nameOf, people, relayOnly, screens, type Person } from './room';
import {
  camera, cameraTrouble, hangUp, listenOnly, microphone, MOST, muted, ONLY_HEARS, ownPicture, peers, retry, speak, toggleCamera, toggleMute, voice, voiceTrouble,
  type Trouble as Wrong,
} from './voice';
import { talk } from './voice-strings';

/** Buttons for the voice call. */
export function Voice() {
  const on = voice.value === 'on';
  return (
    <>
      <Tool icon={on ? 'phoneOff' : 'phone'} label={talk(on ? 'voiceOff' : 'voiceOn')} pressed={on} act={() => (on ? hangUp() : void speak())} test="live-voice" />
      {on && microphone.value && <Tool icon={muted.value ? 'micOff' : 'mic'} label={talk(muted.value ? 'unmute' : 'mute')} pressed={muted.value} act={toggleMute} test="live-mute" />}
      {on && <Tool icon="camera" label={talk(camera.value ? 'cameraOff' : 'cameraOn')} pressed={camera.value} act={() => void toggleCamera()} test="live-camera" />}
    </>
  );
}

const LISTENS: ReadonlySet<Wrong> = new Set<Wrong>(['denied', 'missing', 'busy']);
const FINAL: ReadonlySet<Wrong> = new Set<Wrong>(['insecure', 'unsupported']);

/** What is wrong with voice, in a sentence, with what can be done; the room goes on all the same. */
export function Trouble() {
  const wrong = voiceTrouble.value;
  const lost = [...peers.value].filter(([, peer]) => peer.state === 'failed').map(([key]) => key);
  return (
    <>
      {voice.value === 'asking' && <p class="live-note warn" role="status">{talk('voiceAsking')}</p>}
      {wrong && (
        <div class="live-note warn talk-trouble" role="alert" data-testid="live-voice-trouble" data-why={wrong}>
          {wrong === 'full' ? talk('full', { count: MOST }) : talk(wrong)}
          <span>
            {!FINAL.has(wrong) && <button type="button" class="button" onClick={() => void speak()} data-testid="live-voice-again">{talk('again')}</button>}
            {LISTENS.has(wrong) && <button type="button" class="button" onClick={listenOnly} data-testid="live-voice-listen">{talk('listenOnly')}</button>}
          </span>
        </div>
      )}
      {voice.value === 'on' && !microphone.value && (
        <div class="live-note warn talk-trouble" role="status" data-testid="live-voice-listening">
          {talk('listening')}
          <span><button type="button" class="button" onClick={() => void speak()}>{talk('withMicrophone')}</button></span>
        </div>
      )}
      {cameraTrouble.value && <p class="live-note warn" role="alert" data-testid="live-camera-trouble">{talk('cameraDenied')}</p>}
      {lost.map((key) => (
        <div key={key} class="live-note warn talk-trouble" role="alert" data-testid="live-voice-failed">
          {talk('failed', { name: nameOf(key) })} {talk(relays() ? 'failedRelay' : 'failedNoRelay')}
          <span><button type="button" class="button" onClick={() => retry(key)} data-testid="live-voice-retry">{talk('again')}</button></span>
        </div>
      ))}
    </>
  );
}

const relays = (): boolean => relayOnly.value || ice.value.some((one) => [one.urls].flat().some((url) => url.startsWith('turn')));

/** What the people strip says of somebody's voice. */
export function speaks(one: Person): string {
  const said = screens.value.get(one.n)?.v;
  if (one.key === me.value) return voice.value !== 'on' ? '' : talk(!microphone.value ? 'onlyHears' : muted.value ? 'mutedHere' : 'inVoice');
  if (!said) return '';
  const peer = peers.value.get(one.key);
  const does = talk(said[0] === ONLY_HEARS ? 'onlyHears' : said[0] ? 'mutedHere' : 'inVoice');
  if (voice.value !== 'on') return does;
  if (peer?.state === 'connected') return said[0] ? does : talk('connected');
  return talk(peer?.state === 'failed' ? 'lost' : 'joining');
}

/** The pictures of those who have their camera on, and their voices. */
export function Faces() {
  const seen = [...peers.value].filter(([, peer]) => peer.stream);
  return (
    <div class="live-faces">
      {ownPicture.value && <Face name={talk('ownPicture', { name: nameOf(me.value) })} stream={ownPicture.value} shown own />}
      {seen.map(([key, peer]) => <Face key={key} name={nameOf(key)} stream={peer.stream} shown={(screens.value.get(people.value.find((one) => one.key === key)?.n ?? -1)?.v ?? [])[1] === 1} />)}
    </div>
  );
}

function Face({ name, stream, shown, own = false }: { name: string; stream: MediaStream | null; shown: boolean; own?: boolean }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (element.current && element.current.srcObject !== stream) element.current.srcObject = stream;
  }, [stream]);
  return <figure hidden={!shown}><video ref={element} autoPlay playsInline muted={own} data-testid={own ? 'live-own-face' : 'live-face'} /><figcaption>{name}</figcaption></figure>;
}
