/** Beside a session that is replayed: whose voice there is and when, turning it off, and deleting it. */
import { useState } from 'preact/hooks';
import { explain } from '../../../common/explain';
import { dateTime } from '../../../common/i18n';
import { Icon } from '../../panels/icons';
import { colourOf } from '../colours';
import { nameOf, personOf, type Person } from '../room';
import { replay, seek } from '../replay';
import { AUDIBLE, deletable, deletedAt, pieces, remove, silenced, speaking, type Heard } from './player';
import './sound.css';
import { words } from './strings';

export function Voices() {
  const now = replay.value;
  if (!now) return null;
  if (!pieces.value.length) return deletedAt.value ? <p class="live-note" data-testid="live-sound-deleted">{words('deleted', { date: dateTime(deletedAt.value) })}</p> : null;
  const span = Math.max(1, now.to - now.from);
  return (
    <section class="voices" aria-label={words('voices')} data-testid="live-voices">
      {[...new Set(pieces.value.map((one) => one.by))].map((key) => (
        <div key={key} class="voices-row" data-speaking={speaking.value.has(key)} style={{ '--who': colourOf(personOf(key)?.colour ?? 0) }}>
          <span>{nameOf(key)}</span>
          <div class="voices-track">
            {stretches(key).map(([from, to]) => (
              <button key={from} type="button" aria-label={`${nameOf(key)} ${time(from - now.from)}`} title={time(from - now.from)} onClick={() => seek(from)}
                style={{ left: `${(100 * (from - now.from)) / span}%`, width: `${(100 * (to - from)) / span}%` }} />
            ))}
          </div>
        </div>
      ))}
      <div class="voices-tools">
        <button type="button" class="tool" aria-pressed={!silenced.value} aria-label={words(silenced.value ? 'sound' : 'silence')} title={words(silenced.value ? 'sound' : 'silence')}
          onClick={() => (silenced.value = !silenced.value)} data-testid="live-silence"><Icon name={silenced.value ? 'soundOff' : 'sound'} /></button>
        {now.speed > AUDIBLE && <small>{words('tooFast')}</small>}
        <span class="live-space" />
        {deletable.value && <Remove />}
      </div>
    </section>
  );
}

function Remove() {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  if (!open) return <button type="button" class="tool" aria-label={words('remove')} title={words('remove')} onClick={() => setOpen(true)} data-testid="live-sound-delete"><Icon name="trash" /></button>;
  const go = (): void => {
    setBusy(true);
    remove(reason.trim()).catch((error: unknown) => setProblem(explain(error))).finally(() => setBusy(false));
  };
  return (
    <form class="voices-remove" onSubmit={(event) => { event.preventDefault(); go(); }}>
      <strong>{words('removeTitle')}</strong>
      <label>{words('reason')}<input value={reason} maxLength={500} required onInput={(event) => setReason(event.currentTarget.value)} data-testid="live-sound-reason" /></label>
      {problem && <p class="live-note bad" role="alert">{problem}</p>}
      <span>
        <button type="submit" class="button danger" disabled={busy || !reason.trim()} data-testid="live-sound-delete-sure">{words(busy ? 'removing' : 'remove')}</button>
        <button type="button" class="button" onClick={() => setOpen(false)}>{words('stay')}</button>
      </span>
    </form>
  );
}

/** What the people strip says of who speaks now. */
export const speaks = (one: Person): string => (speaking.value.has(one.key) ? words('speaking') : '');

/** When somebody's voice was recorded, without the seams between pieces. */
function stretches(key: string): [number, number][] {
  const found: [number, number][] = [];
  for (const one of pieces.value.filter((piece: Heard) => piece.by === key)) {
    const last = found.at(-1);
    if (last && one.at - last[1] < 500) last[1] = Math.max(last[1], one.at + one.ms);
    else found.push([one.at, one.at + one.ms]);
  }
  return found;
}

const time = (ms: number): string => `${Math.floor(ms / 60_000)}:${String(Math.floor((ms % 60_000) / 1000)).padStart(2, '0')}`;
