/** What was said and done in a consultation, in order. */
import './thread.css';
import { useEffect, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { post } from '../common/api';
import { pageOf } from '../common/at';
import { discard, keep as keepToSend, unsent, type Unsent } from '../common/outbox';
import { bytes, dateTime, language, type Language } from '../common/i18n';
import { Icon, type IconName } from '../common/icons';
import { explain } from '../common/explain';
import { Button, toast } from '../common/ui';
import { again } from './answer';
import { attachmentPath, eventsPath, loadMachine, machine, picturePath, shownIn, words, type Finding, type Happening, type ImageReference, type Kind, type Whole } from './api';
import { inWords } from './findings';
import { say } from './strings';
import { moment } from './time';

const ICONS: Partial<Record<Happening['kind'], IconName>> = {
  asked: 'help', accepted: 'check', opinion: 'eye', attachment: 'clip', key_images: 'star', concluded: 'check', closed: 'check',
  withdrawn: 'back', revoked: 'shield', reopened: 'refresh', signed: 'edit', addendum: 'edit', room_opened: 'consult', room_closed: 'consult',
};
/** What people say in their own words stands in a box; the rest is one line. */
const SAID = new Set<Happening['kind']>(['asked', 'opinion', 'message', 'concluded', 'key_images', 'attachment']);
/** What was put under the minutes is read there. */
const IN_MINUTES = new Set<Happening['kind']>(['signed', 'addendum']);

/** How a page shows images of the consultation: the reading room goes to them, other pages open it. */
export interface Showing {
  go?: (image: ImageReference) => void;
  picture?: (image: ImageReference) => ComponentChildren;
}

export function Timeline({ consult, showing = {} }: { consult: Whole; showing?: Showing }) {
  const translations = consult.events.filter((one) => one.kind === 'translation');
  return (
    <ol class="timeline" data-testid="timeline">
      {consult.events.filter((one) => one.kind !== 'translation').map((one) => (
        <li key={one.sequence} class={`event event-${one.kind}${one.mine ? ' event-mine' : ''}`} data-testid={`event-${one.kind}`}>
          <header>
            <Icon name={ICONS[one.kind] ?? 'consult'} size={14} />
            <strong>{one.actor.name}</strong>
            {one.hospital && <span class="event-place">{one.hospital.name}</span>}
            <span>{say(`event.${one.kind}`)}</span>
            <time title={dateTime(one.at)}>{moment(one.at)}</time>
          </header>
          {SAID.has(one.kind) ? <Said consult={consult} event={one} showing={showing} translations={translations.filter((other) => other.body.of === one.sequence)} /> : <Note event={one} code={consult.code} />}
        </li>
      ))}
      {unsent.value.filter((one) => one.path === eventsPath(consult.code)).map((one) => <Pending key={one.id} code={consult.code} entry={one} />)}
    </ol>
  );
}

/** What was sent and the server has not taken yet. */
function Pending({ code, entry }: { code: string; entry: Unsent }) {
  const { kind, body } = entry.json as { kind: Kind; body: Happening['body'] & { findings?: Finding[] } };
  return (
    <li class="event event-mine event-pending" data-testid="event-pending">
      <header><Icon name={entry.refused ? 'warning' : 'clock'} size={14} /><span>{say(`event.${kind}`)}</span><span>{entry.refused ? '' : say('pending')}</span></header>
      <div class="said">
        {body.verdict && <span class={`verdict verdict-${body.verdict}`}>{words('verdicts', body.verdict)}</span>}
        {body.findings && body.findings.length > 0 && <ul class="said-findings">{body.findings.map((one, index) => <li key={index}>{inWords(one)}</li>)}</ul>}
        <p class="said-text">{body.text || body.conclusion || ''}</p>
        {entry.refused && (
          <p class="event-refused" role="alert">
            {say('pending.refused', { reason: entry.refused })}
            {(body.text || body.conclusion) && kind !== 'translation' && (
              <button type="button" class="link" onClick={() => { again(code, kind, body); discard(entry.id); }}>{say('pending.again')}</button>
            )}
            <button type="button" class="link" onClick={() => discard(entry.id)}>{say('pending.discard')}</button>
          </p>
        )}
      </div>
    </li>
  );
}

function Note({ event, code }: { event: Happening; code: string }) {
  if (IN_MINUTES.has(event.kind)) return <p class="event-note"><a href={`/#/minutes/${code}`}>{say('event.minutes')}</a></p>;
  const text = event.kind === 'room_closed' ? session(event)
    : [event.body.outcome ? words('outcomes', event.body.outcome) : '', event.body.text ?? ''].filter(Boolean).join('. ');
  return text ? <p class="event-note">{text}</p> : null;
}

/** A live session in one line: how long, who was there, what is left of it. */
function session({ body: { began_at: from = 0, ended_at: to = 0, participants = [], drawings = 0, messages = 0 } }: Happening): string {
  const parts = [say('session.minutes', { count: Math.max(1, Math.round((to - from) / 60_000)) }), participants.map((one) => one.name).join(', ')];
  if (drawings) parts.push(say('session.drawings', { count: drawings }));
  if (messages) parts.push(say('session.messages', { count: messages }));
  return parts.filter(Boolean).join(' · ');
}

function Said({ consult, event, translations, showing }: { consult: Whole; event: Happening; translations: Happening[]; showing: Showing }) {
  const { body } = event;
  const text = body.text || body.conclusion || '';
  const sentences = event.sentences?.[language.value] ?? [];
  const chips = body.chips ?? [];
  const foreign = Boolean(text) && body.language !== undefined && body.language !== language.value && !translations.some((one) => one.body.language === language.value);
  return (
    <div class="said">
      {body.verdict && <span class={`verdict verdict-${body.verdict}`} data-testid="verdict">{words('verdicts', body.verdict)}</span>}
      {chips.length > 0 && <ul class="said-chips">{chips.map((chip) => <li key={chip}>{words('chips', chip)}</li>)}</ul>}
      {sentences.length > 0 && <ul class="said-findings">{sentences.map((sentence) => <li key={sentence}>{sentence}</li>)}</ul>}
      {text && <Text text={text} language={body.language} />}
      {body.recommendation && <><h4>{say('recommendation')}</h4><Text text={body.recommendation} language={body.language} /></>}
      {body.images && body.images.length > 0 && consult.shows && <Pictures images={body.images} consult={consult} showing={showing} />}
      {event.kind === 'attachment' && body.id && consult.shows && <Attached code={consult.code} event={event} />}
      {translations.map((one) => (
        <div key={one.sequence} class="translation">
          <p class="muted">{one.body.by === 'machine' ? say('translation.machine') : say('translation.person', { name: one.actor.name })}</p>
          <Text text={one.body.text ?? ''} language={one.body.language} />
        </div>
      ))}
      {foreign && consult.may.includes('translation') && <Translate consult={consult} of={event.sequence} />}
    </div>
  );
}

/** Free text in the language it was written in, which it says. */
export function Text({ text, language: written }: { text: string; language?: Language }) {
  const foreign = written !== undefined && written !== language.value;
  return (
    <p class="said-text" lang={written}>
      {foreign && <abbr class="lang" title={say(`lang.${written}`)}>{written.toUpperCase()}</abbr>}
      {text}
    </p>
  );
}

export function Pictures({ images, consult, showing = {} }: { images: ImageReference[]; consult: Whole; showing?: Showing }) {
  return (
    <ul class="said-pictures">
      {images.map((image) => {
        const picture = showing.picture?.(image) ?? <img src={picturePath(image, shownIn(consult.studies, image))} class={image.invert ? 'inverted' : ''} alt={image.note} loading="lazy" decoding="async" />;
        const { go } = showing;
        return (
          <li key={`${image.sop_instance_uid}/${image.frame}`} data-testid="said-picture">
            {go
              ? <button type="button" class="said-picture" title={image.note || say('open')} aria-label={image.note || say('open')} onClick={() => go(image)}>{picture}</button>
              : <a href={`${pageOf(shownIn(consult.studies, image))}?consult=${consult.code}`} title={image.note || say('open')}>{picture}</a>}
            {image.note && <span class="muted">{image.note}</span>}
          </li>
        );
      })}
    </ul>
  );
}

function Attached({ code, event }: { code: string; event: Happening }) {
  const { id = '', name = '', type = '', size = 0 } = event.body;
  const address = attachmentPath(code, id);
  return (
    <a class="attached" href={address} download={name} data-testid="attachment">
      {type.startsWith('image/') ? <img src={address} alt={name} loading="lazy" /> : <Icon name="file" size={24} />}
      <span><span class="cut">{name}</span><span class="muted">{bytes(size)}</span></span>
    </a>
  );
}

function Translate({ consult, of }: { consult: Whole; of: number }) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState('');
  useEffect(loadMachine, []);
  const ask = (): void => {
    post(`/api/consults/${consult.code}/translations`, { of, language: language.value })
      .then(() => toast(say('translate.asked')), (error: unknown) => toast(explain(error), 'bad'));
  };
  if (!open) {
    return (
      <p class="said-translate">
        <button type="button" class="link" onClick={() => setOpen(true)} data-testid="translate">{say('translate')}</button>
        {machine.value && <button type="button" class="link" onClick={ask} data-testid="translate-machine">{say('translate.machine')}</button>}
      </p>
    );
  }
  const send = (): void => {
    keepToSend(eventsPath(consult.code), { kind: 'translation', body: { of, text, language: language.value } });
    setOpen(false);
    setText('');
  };
  return (
    <form class="translate" onSubmit={(event) => { event.preventDefault(); send(); }}>
      <textarea class="input ask-text" rows={2} value={text} aria-label={say('translate.text', { language: say(`lang.${language.value}`) })} placeholder={say('translate.text', { language: say(`lang.${language.value}`) })} onInput={(event) => setText(event.currentTarget.value)} />
      <Button type="submit" disabled={text.trim() === ''}>{say('translate.send')}</Button>
    </form>
  );
}
