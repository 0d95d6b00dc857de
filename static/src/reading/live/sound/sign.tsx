/** Over everything, also beside a folded panel: the question whether sound may be recorded, and the sign that it is. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { get } from '../../../common/api';
import { Icon } from '../../panels/icons';
import { mayLead, me, nameOf, room, type Event, type Person } from '../room';
import { waiting } from './keep';
import { unable } from './recorder';
import './sound.css';
import { against, answer, ask, inRoom, mine, running, sound, unanswered } from './state';
import { words } from './strings';

/** Puts question and sign on the page, for as long as it lives. */
export function showSign(): void {
  const place = document.createElement('div');
  document.body.append(place);
  render(<Sound />, place);
}

function Sound() {
  if (!inRoom.value || !sound.value.asked) return null;
  return (
    <div class="sound">
      <Sign />
      {mine.value === undefined && <Question />}
    </div>
  );
}

/** Everybody sees all the time whether sound is recorded, and can end it. */
function Sign() {
  const [sure, setSure] = useState(false);
  const on = running.value > 0;
  const waits = unanswered.value.filter((one) => one.key !== me.value);
  const why = against.value.length ? words('against', { names: names(against.value) }) : waits.length ? words('waits', { names: names(waits) }) : on || mine.value !== true ? '' : words('soon');
  const leads = mayLead.value && !me.value.startsWith('guest-');
  const end = (): void => {
    setSure(false);
    if (leads) ask(false);
    else answer(false);
  };
  return (
    <div class={`sound-sign${on ? ' on' : ''}`} role="status" data-testid="live-sound-sign" data-running={on}>
      <i />
      <strong>{words(on ? 'running' : 'resting')}</strong>
      {why && <span>{why}</span>}
      {mine.value === false && <button type="button" class="button" onClick={() => answer(true)} data-testid="live-sound-change">{words('change')}</button>}
      {mine.value && (sure
        ? <span class="sound-sure" role="alertdialog" aria-label={words(leads ? 'endSure' : 'backSure')}>{words(leads ? 'endSure' : 'backSure')}
            <button type="button" class="button danger" onClick={end} data-testid="live-sound-sure">{words(leads ? 'end' : 'back')}</button>
            <button type="button" class="button" onClick={() => setSure(false)}>{words('stay')}</button></span>
        : <button type="button" class="button" onClick={() => setSure(true)} data-testid="live-sound-end">{words(leads ? 'end' : 'back')}</button>)}
    </div>
  );
}

function Question() {
  const [hospital, setHospital] = useState('');
  const code = room.value?.code ?? '';
  useEffect(() => {
    get<{ hospital: string }>(`/api/rooms/${code}`).then((told) => setHospital(told.hospital), () => undefined);
  }, [code]);
  return (
    <div class="sound-question" role="alertdialog" aria-labelledby="sound-asks" aria-describedby="sound-body" data-testid="live-sound-question">
      <h2 id="sound-asks"><Icon name="mic" /> {words('asks', { name: nameOf(sound.value.by) })}</h2>
      <p id="sound-body">{words('asksBody', { hospital: hospital || words('asksHere') })}</p>
      {unable.value && <p>{words('unable')}</p>}
      <p><strong>{words('question')}</strong></p>
      <div>
        <button type="button" class="button primary" onClick={() => answer(true)} data-testid="live-sound-yes">{words('yes')}</button>
        <button type="button" class="button" onClick={() => answer(false)} data-testid="live-sound-no">{words('no')}</button>
      </div>
    </div>
  );
}

const names = (list: readonly Person[]): string => list.map((one) => one.name).join(', ');

/** In the panel: who leads asks, and what one should know about the own recording. */
export function SoundTool() {
  if (!mayLead.value || me.value.startsWith('guest-') || sound.value.asked) return null;
  return (
    <button type="button" class="tool" aria-label={words('ask')} title={words('ask')} data-testid="live-sound-ask" onClick={() => ask(true)}><Icon name="record" /></button>
  );
}

export function SoundNotes() {
  return (
    <>
      {mine.value === false && <p class="live-note" data-testid="live-sound-refused">{words('youNo')}</p>}
      {mine.value && unable.value && <p class="live-note warn" role="status">{words('unable')}</p>}
      {waiting.value > 2 && <p class="live-note warn" role="status" data-testid="live-sound-unsent">{words('unsent', { count: waiting.value })}</p>}
    </>
  );
}

/** What the people strip says of somebody's answer. */
export function answered(one: Person): string {
  if (!inRoom.value || !sound.value.asked || !one.here) return '';
  const said = sound.value.answers.get(one.key);
  return words(said === undefined ? 'personWaits' : said ? 'personYes' : 'personNo');
}

/** The line of an event about sound; "" for all others. */
export function lineOf(event: Event): string {
  if (event.kind === 'sound') return words(event.body['on'] ? 'event_asked' : 'event_ended', { name: nameOf(event.by) });
  if (event.kind === 'sounding') return words(event.body['on'] ? 'event_running' : 'event_resting');
  return event.kind === 'sound_deleted' ? words('event_deleted') : '';
}
