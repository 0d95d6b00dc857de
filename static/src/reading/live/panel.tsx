/** Beside the images: before a room, the lobby; in one, people, cases and chat. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { explain } from '../../common/explain';
import { dateTime, locale } from '../../common/i18n';
import { Icon } from '../panels/icons';
import { liveOpen, liveUnread } from '../slots';
import { Agenda } from './agenda';
import { colourOf } from './colours';
import { toPlace } from './follow';
import {
  admit, chat, enter, events, finish, following, forget, handOver, hands, leads, leave, lobby, looking, mayLead, me, nameOf, openRoom, pending,
  people, pointing, presenter, raise, room, screens, status, why, type Event, type Person, type Place, type RoomRow,
} from './room';
import { close, open as openReplay, play, replay, seek, speed, SPEEDS } from './replay';
import { live } from './strings';
import { answered, lineOf, SoundNotes, SoundTool } from './sound/sign';
import { speaks as heard, Voices } from './sound/voices';
import { Faces, speaks, Trouble, Voice } from './talk';
import { peers } from './voice';

export function Panel() {
  const inside = status.value !== 'none';
  return (
    <aside class="live" aria-label={live('live')} data-testid="live" data-status={status.value}>
      <header class="live-head">
        <strong>{inside ? room.value?.title || live('untitled') : live('live')}</strong>
        <button type="button" class="tool small" aria-label={live('panelClose')} title={live('panelClose')} onClick={() => (liveOpen.value = false)} data-testid="live-close">
          <Icon name="close" size={16} />
        </button>
      </header>
      {!inside && <Lobby />}
      {status.value === 'joining' && <p class="live-note busy">{live('joining')}</p>}
      {status.value === 'over' && <Over />}
      {(status.value === 'in' || status.value === 'cut') && <Inside />}
      {status.value === 'replay' && <Again />}
    </aside>
  );
}

function Lobby() {
  const [rooms, setRooms] = useState<RoomRow[] | null>(null);
  const [past, setPast] = useState<RoomRow[]>([]);
  const [title, setTitle] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    lobby(true).then((all) => setPast(all.filter((one) => one.ended_at)), () => undefined);
    lobby(false).then(setRooms, (error: unknown) => setProblem(explain(error)));
  }, []);
  const open = (): void => {
    setBusy(true);
    openRoom(title.trim()).catch((error: unknown) => setProblem(explain(error))).finally(() => setBusy(false));
  };
  return (
    <div class="live-lobby">
      {rooms && rooms.length > 0 && (
        <section>
          <h2>{live('onStudy')}</h2>
          <ul>
            {rooms.map((one) => (
              <li key={one.code}>
                <span>{one.title || live('untitled')}<small>{dateTime(one.created_at)}</small></span>
                <button type="button" class="button primary" onClick={() => enter(one.code)} data-testid="live-enter">{live('enter')}</button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <p>{live('openHint')}</p>
      <label>{live('nameOfRoom')}<input value={title} maxLength={200} onInput={(event) => setTitle(event.currentTarget.value)} data-testid="live-title" /></label>
      <button type="button" class="button primary" disabled={busy} onClick={open} data-testid="live-open">{live(busy ? 'opening' : 'open')}</button>
      {past.length > 0 && (
        <section>
          <h2>{live('past')}</h2>
          <ul>
            {past.map((one) => (
              <li key={one.code}>
                <span>{one.title || live('untitled')}<small>{dateTime(one.created_at)}</small></span>
                <button type="button" class="button" onClick={() => void openReplay(one.code).catch((error: unknown) => setProblem(explain(error)))} data-testid="live-replay">{live('replay')}</button>
              </li>
            ))}
          </ul>
        </section>
      )}
      {problem && <p class="live-note bad" role="alert">{problem}</p>}
    </div>
  );
}

/** A session that is over: time, speed, people and what was said by then. */
function Again() {
  const now = replay.value;
  if (!now) return null;
  return (
    <>
      <div class="live-replay">
        <p>{live('replaying', { date: dateTime(now.from) })}</p>
        <input type="range" min={now.from} max={now.from + Math.ceil((now.to - now.from) / STEP) * STEP} step={STEP} value={now.at} aria-label={live('position')} data-testid="live-seek"
          onInput={(event) => seek(Number(event.currentTarget.value))} />
        <div>
          <Tool icon={now.playing ? 'stop' : 'play'} label={live(now.playing ? 'pause' : 'play')} act={() => play(!now.playing)} test="live-play" />
          <span data-testid="live-time">{clock(now.at - now.from)}<small> / {clock(now.to - now.from)}</small></span>
          {SPEEDS.map((one) => (
            <button key={one} type="button" class="tool" aria-pressed={now.speed === one} aria-label={live('speed', { times: one })} onClick={() => speed(one)}>{one}×</button>
          ))}
          <span class="live-space" />
          <Tool icon="leave" label={live('closeReplay')} act={close} test="live-replay-close" />
        </div>
      </div>
      <Voices />
      <People />
      <Chat />
    </>
  );
}

function Over() {
  const reason = { ended: 'over_ended', revoked: 'over_revoked', replaced: 'over_replaced' }[why.value] ?? 'over_left';
  const code = room.value?.code;
  return (
    <div class="live-lobby">
      <p class="live-note" role="alert" data-testid="live-over">{live(reason as 'over_left')}</p>
      {code && ['left', 'replaced'].includes(why.value) && <button type="button" class="button" onClick={() => enter(code)}>{live('again')}</button>}
      <button type="button" class="button" onClick={forget}>{live('sessions')}</button>
    </div>
  );
}

/** Milliseconds between places of the slider; its end is never before the end of what is replayed. */
const STEP = 100;
const clock = (ms: number): string => `${Math.floor(ms / 60_000)}:${String(Math.floor((ms % 60_000) / 1000)).padStart(2, '0')}`;

function Inside() {
  return (
    <>
      <Tools />
      <Trouble />
      <SoundNotes />
      <Faces />
      <People />
      <Agenda />
      <Chat />
    </>
  );
}

function Tools() {
  const [copied, setCopied] = useState(false);
  const [ending, setEnding] = useState(false);
  const up = hands.value.has(me.value);
  return (
    <div class="live-tools">
      <Tool icon="pointer" label={live('pointer')} pressed={pointing.value} act={() => (pointing.value = !pointing.value)} test="live-pointing" />
      <Tool icon="target" label={live('look')} pressed={looking.value} act={() => (looking.value = !looking.value)} test="live-looking" />
      <Tool icon="hand" label={live(up ? 'handDown' : 'handUp')} pressed={up} act={() => raise(!up)} test="live-hand" />
      {!leads.value && <Tool icon="follow" label={live('follow')} pressed={following.value} act={() => (following.value = !following.value)} test="live-following" />}
      {!leads.value && mayLead.value && <Tool icon="present" label={live('take')} act={() => handOver(me.value)} test="live-take" />}
      <Voice />
      <SoundTool />
      <span class="live-space" />
      <Tool icon={copied ? 'check' : 'link'} label={live(copied ? 'copied' : 'copyLink')} test="live-copy"
        act={() => void navigator.clipboard.writeText(`${location.origin}/read/-#room=${room.value?.code ?? ''}`).then(() => setCopied(true), () => undefined)} />
      <Tool icon="leave" label={live('leave')} act={leave} test="live-leave" />
      {mayLead.value && (ending
        ? <span class="live-sure" role="alertdialog" aria-label={live('endSure')}>{live('endSure')}
            <button type="button" class="button danger" onClick={finish} data-testid="live-end-sure">{live('end')}</button>
            <button type="button" class="button" onClick={() => setEnding(false)}>{live('stay')}</button></span>
        : <Tool icon="stop" label={live('end')} act={() => setEnding(true)} test="live-end" />)}
    </div>
  );
}

type IconName = Parameters<typeof Icon>[0]['name'];

export function Tool({ icon, label, pressed, act, test }: { icon: IconName; label: string; pressed?: boolean; act: () => void; test: string }) {
  return (
    <button type="button" class="tool" aria-pressed={pressed} aria-label={label} title={label} data-testid={test} onClick={act}><Icon name={icon} /></button>
  );
}

function People() {
  const list = [...people.value].sort((a, b) => Number(b.here) - Number(a.here) || a.n - b.n);
  return (
    <section class="live-people" aria-label={live('people')}>
      <ul>{list.map((one) => <PersonRow key={one.key} one={one} />)}</ul>
      {status.value !== 'replay' && mayLead.value && (
        <label class="live-check">
          <input type="checkbox" checked={room.value?.guests ?? false} onChange={(event) => admit(event.currentTarget.checked)} data-testid="live-guests" />{live('guestsOn')}
        </label>
      )}
      {status.value !== 'replay' && <p class="live-recorded">{live(room.value?.recording ? 'recorded' : 'notRecorded')}</p>}
    </section>
  );
}

function PersonRow({ one }: { one: Person }) {
  const mine = one.key === me.value;
  const gone = !one.here && status.value !== 'replay'; // of a session that is over nobody is told to have gone
  const [have = 0, all = 0] = screens.value.get(one.n)?.r ?? [];
  const share = all ? Math.round((100 * have) / all) : null;
  const ready = share === null ? live('unready') : live('ready', { share });
  return (
    <li class={gone ? 'away' : ''} style={{ '--who': colourOf(one.colour) }} data-testid="live-person" data-member={one.key} data-here={one.here} data-voice={peers.value.get(one.key)?.state} data-heard={peers.value.get(one.key)?.heard} data-speaking={heard(one) !== ''}>
      <i class="live-dot" />
      <span class="live-name">
        {one.name}{mine && <small> ({live('you')})</small>}
        <small>{[one.guest ? live('guest') : one.hospital, presenter.value === one.key ? live('presents') : '', gone ? live('away') : '', hands.value.has(one.key) ? `✋ ${live('handRaised')}` : '', speaks(one), answered(one), heard(one)].filter(Boolean).join(' · ')}</small>
      </span>
      {!mine && one.here && <span class="live-ready" title={ready} aria-label={ready} role="img" data-testid="live-ready"><b style={{ width: `${share ?? 0}%` }} /><em>{share === null ? '–' : `${share}%`}</em></span>}
      {!mine && one.here && mayLead.value && status.value !== 'replay' && presenter.value !== one.key && (
        <button type="button" class="tool small" aria-label={live('handOver', { name: one.name })} title={live('handOver', { name: one.name })} onClick={() => handOver(one.key)} data-testid="live-hand-over">
          <Icon name="present" size={16} />
        </button>
      )}
    </li>
  );
}

const SHOWN = new Set(['chat', 'joined', 'left', 'presenter', 'hand', 'look', 'step', 'case', 'recording', 'guests', 'consent', 'annotation', 'sound', 'sounding', 'sound_deleted', 'ended']);

function Chat() {
  const [text, setText] = useState('');
  const list = useRef<HTMLOListElement>(null);
  const shown = quiet(events.value);
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
    if (liveOpen.value) liveUnread.value = 0;
  }, [shown.length, pending.value.length, liveUnread.value]);
  const send = (): void => {
    if (!text.trim()) return;
    chat(text.trim());
    setText('');
  };
  return (
    <section class="live-chat" aria-label={live('chat')}>
      <ol ref={list} data-testid="live-chat" aria-live="polite">
        {!shown.some((one) => one.kind === 'chat') && !pending.value.length && <li class="live-note">{live('nothingSaid')}</li>}
        {shown.map((one) => <Line key={one.n} event={one} />)}
        {pending.value.map((one) => <li key={one.id} class="said mine waiting"><p>{one.text}<small>{live('sending')}</small></p></li>)}
      </ol>
      {status.value !== 'replay' && <form onSubmit={(event) => { event.preventDefault(); send(); }}>
        <textarea rows={1} value={text} maxLength={4000} placeholder={live('write')} aria-label={live('write')} data-testid="live-text"
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }} />
        <button type="submit" class="tool" aria-label={live('send')} title={live('send')} data-testid="live-send"><Icon name="send" /></button>
      </form>}
    </section>
  );
}

/** What is worth a line: hands only when they go up, drawings only when they are new, and who comes back after a cut did not
 * come anew. */
function quiet(list: readonly Event[]): Event[] {
  const here = new Set<string>();
  const drawn = new Set<unknown>();
  return list.filter((one) => {
    if (one.kind === 'annotation') {
      if (drawn.has(one.body['annotation'])) return false;
      drawn.add(one.body['annotation']);
    }
    if (one.kind === 'joined') {
      if (here.has(one.by)) return false;
      here.add(one.by);
    }
    if (one.kind === 'left') here.delete(one.by);
    return SHOWN.has(one.kind) && !(one.kind === 'hand' && !one.body['up']);
  });
}

function Line({ event }: { event: Event }) {
  const time = new Intl.DateTimeFormat(locale(), { hour: '2-digit', minute: '2-digit' }).format(event.at);
  const name = nameOf(event.kind === 'presenter' ? String(event.body['to']) : event.by);
  if (event.kind === 'chat') {
    const person = people.value.find((one) => one.key === event.by);
    return (
      <li class={`said${event.by === me.value ? ' mine' : ''}`} style={{ '--who': colourOf(person?.colour ?? 0) }}>
        <p>{event.by !== me.value && <b>{name}</b>}{String(event.body['text'])}<small>{time}</small></p>
      </li>
    );
  }
  const key = event.kind === 'guests' ? (event.body['on'] ? 'event_guests_on' : 'event_guests_off') : event.kind === 'recording' ? (event.body['on'] ? 'event_recording_on' : 'event_recording_off')
    : event.kind === 'consent' ? (event.body['audio'] ? 'event_consent_yes' : 'event_consent_no') : `event_${event.kind}`;
  const text = lineOf(event) || live(key as 'event_step', { name, case: Number(event.body['case'] ?? 0) + 1 } as never);
  return (
    <li class="happened">
      {['look', 'annotation'].includes(event.kind) && event.by !== me.value
        ? <button type="button" class="link" title={live('goThere')} onClick={() => void toPlace(event.body as unknown as Place)}>{text}</button>
        : text} <small>{time}</small>
    </li>
  );
}

