/** What is drawn and written on the study: who, when, where; one's own to change, others' to answer and to hide. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { dateTime, relative } from '../../common/i18n';
import { goTo } from '../control/going';
import { loads, series, stacks, theViewer } from '../control/room';
import { Icon } from '../panels/icons';
import { TOOL_LABELS } from '../panels/labels';
import { reading } from '../strings';
import type { Note } from './model';
import { answer, chosen, colours, erase, frameIdOf, giveUp, hidden, notes, restore, share, shareWith, waiting, whileTyping, write } from './store';
import { words } from './strings';

export function NotesPanel() {
  const all = [...notes.value.values()].sort((a, b) => b.createdAt - a.createdAt);
  const drawings = all.filter((one) => !one.deleted && one.body.points);
  const gone = all.filter((one) => one.deleted && one.mine && one.body.points);
  return (
    <div class="side-scroll" data-testid="notes">
      {drawings.length > 0 && <Authors of={all} />}
      {drawings.length === 0 && <p class="side-empty"><strong>{words('none')}</strong>{words('noneHint')}</p>}
      <ol class="note-list">{drawings.map((one) => <Card key={one.id} note={one} answers={answersTo(one.id, all)} />)}</ol>
      {gone.length > 0 && (
        <details class="note-gone" data-testid="notes-deleted">
          <summary>{words('deleted', { count: gone.length })}</summary>
          <ul>
            {gone.slice(0, 20).map((one) => (
              <li key={one.id}>
                <span>{reading(TOOL_LABELS[one.body.tool as keyof typeof TOOL_LABELS])} · {relative(one.at)}</span>
                <button type="button" class="link" data-testid="note-restore" onClick={() => restore(one.id)}>{words('restore')}</button>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

export function answersTo(id: string, all: readonly Note[]): Note[] {
  return all.filter((one) => !one.deleted && one.body.tool === 'answer' && one.body.to === id).sort((a, b) => a.createdAt - b.createdAt);
}

/** Everybody who drew, with their colour, to hide and to show. */
function Authors({ of }: { of: readonly Note[] }) {
  const people = new Map(of.filter((one) => one.body.points).map((one) => [String(one.author.id), one]));
  if ([...people.values()].every((one) => one.mine) && !hidden.value.size) return null;
  return (
    <div class="note-authors" role="group" aria-label={words('authors')}>
      {[...people].map(([id, one]) => {
        const off = hidden.value.has(id);
        const name = one.mine ? words('you') : one.author.name;
        return (
          <button key={id} type="button" class={`author${off ? ' off' : ''}`} aria-pressed={!off} title={words(off ? 'show' : 'hide', { name })}
            data-testid="note-author" onClick={() => toggle(id)}>
            <Icon name={off ? 'eyeOff' : 'eye'} size={14} /><Dot author={id} />{name}
          </button>
        );
      })}
    </div>
  );
}

function toggle(author: string): void {
  const next = new Set(hidden.value);
  if (!next.delete(author)) next.add(author);
  hidden.value = next;
}

export function Dot({ author }: { author: string }) {
  return <span class="note-dot" style={{ background: colours.value.get(author) ?? 'white' }} />;
}

function Card({ note, answers }: { note: Note; answers: readonly Note[] }) {
  const [missing, setMissing] = useState(false);
  const refused = waiting.value.get(note.id)?.refused;
  return (
    <li class={`note${hidden.value.has(String(note.author.id)) ? ' off' : ''}`} data-testid="note" data-note={note.id} data-mine={note.mine}>
      <div class="note-head">
        <Dot author={String(note.author.id)} />
        <button type="button" class="link note-go" title={words('goTo')} data-testid="note-go"
          onClick={() => void show(note).then((there) => setMissing(!there))}>
          <strong>{reading(TOOL_LABELS[note.body.tool as keyof typeof TOOL_LABELS])}</strong> <span>{placeOf(note)}</span>
        </button>
        <Unsent note={note} />
        {note.mine && (
          <button type="button" class="tool small" aria-label={words('remove')} title={words('remove')} data-testid="note-remove" onClick={() => erase(note.id)}>
            <Icon name="trash" size={15} />
          </button>
        )}
      </div>
      {missing && <p class="note-warning">{words('gone')}</p>}
      <By note={note} />
      {note.mine ? <Text note={note} /> : note.body.text && <p class="note-text">{note.body.text}</p>}
      {refused && <Refused note={note} reason={refused} />}
      {answers.map((one) => (
        <div key={one.id} class="note-answer" data-testid="note-answer">
          <p class="note-text">{one.body.text}</p>
          <By note={one} />
          {one.mine && <button type="button" class="link" onClick={() => erase(one.id)}>{words('remove')}</button>}
        </div>
      ))}
      <Answer to={note} />
    </li>
  );
}

export function By({ note }: { note: Note }) {
  const name = note.mine ? words('you') : note.author.name;
  return <p class="note-by" data-shared={note.shared} title={dateTime(note.at)}>{words('by', { name, time: relative(note.at) })}{note.shared ? ` · ${words('shared')}` : ''}
    {note.mine && !note.shared && shareWith.value && <> · <button type="button" class="link" data-testid="note-share" onClick={() => share(note.id, shareWith.value)}>{words('share')}</button></>}</p>;
}

export function Unsent({ note }: { note: Note }) {
  return waiting.value.has(note.id) ? <span class="note-unsent" title={words('sending', { count: 1 })} data-testid="note-unsent" /> : null;
}

function Refused({ note, reason }: { note: Note; reason: string }) {
  return (
    <p class="note-warning" role="alert" data-testid="note-refused">
      {words('notTaken', { reason })}
      <button type="button" class="link" onClick={() => void giveUp(note.id)}>{words('giveUp')}</button>
    </p>
  );
}

/** The words of one's own annotation, saved while they are written. */
export function Text({ note, rows = 1 }: { note: Note; rows?: number }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const save = (): void => {
    clearTimeout(timer.current);
    if (field.current) write(note.id, field.current.value);
  };
  useEffect(() => {
    const stop = whileTyping(save);
    return () => {
      save();
      stop();
    };
  }, [note.id]);
  useEffect(() => {
    const node = field.current;
    if (node && document.activeElement !== node) node.value = note.body.text;
  }, [note.body.text]);
  useEffect(() => {
    if (chosen.value !== note.id) return;
    chosen.value = null;
    field.current?.focus();
  }, [chosen.value, note.id]);
  return (
    <textarea ref={field} class="note-field" rows={rows} maxLength={2000} placeholder={words('textHint')} aria-label={words('text')} data-testid="note-text"
      onInput={() => {
        clearTimeout(timer.current);
        timer.current = setTimeout(save, 700);
      }}
      onBlur={save} />
  );
}

function Answer({ to }: { to: Note }) {
  const [open, setOpen] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  if (!open) {
    return <button type="button" class="link note-reply" data-testid="note-reply" onClick={() => setOpen(true)}>{words('answer')}</button>;
  }
  return (
    <form class="note-form" onSubmit={(event) => {
      event.preventDefault();
      answer(to.id, field.current?.value ?? '');
      setOpen(false);
    }}>
      <textarea ref={field} class="note-field" rows={2} maxLength={2000} placeholder={words('answerHint', { name: to.mine ? words('you') : to.author.name })}
        aria-label={words('answer')} data-testid="note-reply-text" />
      <button type="submit" class="button" data-testid="note-reply-send">{words('send')}</button>
    </form>
  );
}

async function show(note: Note): Promise<boolean> {
  const there = await goTo({ series: note.body.series_instance_uid ?? '', sop: note.body.sop_instance_uid ?? '', frame: note.body.frame ?? 1 });
  if (there && note.mine) theViewer()?.select(note.id);
  return there;
}

/** Which image it is, as people count them. */
export function placeOf(note: Note): string {
  void loads.value;
  const uid = note.body.series_instance_uid ?? '';
  const row = series.value.find((one) => one.uid === uid);
  const frames = stacks.value.get(uid)?.frames;
  const at = frames?.findIndex((one) => one.id === frameIdOf(note.body)) ?? -1;
  if (!row) return words('placeUnknown');
  const name = row.number === null ? row.description : String(row.number);
  return words('place', { series: name, image: at >= 0 ? at + 1 : '–' });
}
