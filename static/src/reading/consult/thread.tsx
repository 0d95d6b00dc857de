/** The thread of a consultation beside the images: what was asked and said, images to go to, and what one has to say. */
import '../../consult/base.css';
import './beside.css';
import { useEffect, useRef } from 'preact/hooks';
import { pageOf } from '../../common/at';
import { explain } from '../../common/explain';
import { keep } from '../../common/outbox';
import { Button } from '../../common/ui';
import { Answer } from '../../consult/answer';
import { act, eventsPath, loadVocabulary, shownIn, vocabulary, words as wordsOf, type Card, type ImageReference, type Whole } from '../../consult/api';
import { say } from '../../consult/strings';
import { Due } from '../../consult/time';
import { Timeline } from '../../consult/timeline';
import { toast } from '../../common/ui';
import { goTo } from '../control/going';
import { isOpen } from '../control/room';
import type { Body } from '../notes/model';
import { words } from '../notes/strings';
import { Thumb } from '../notes/thumb';
import { Icon } from '../panels/icons';
import { about, code, failure, referencesOf, reload, sharing, whole } from './store';

export function Thread() {
  useEffect(() => {
    loadVocabulary().catch(() => undefined);
    void reload();
  }, []);
  if (!vocabulary.value && !failure.value) return <div class="side-scroll" aria-busy="true" />;
  if (failure.value && !whole.value) return <div class="side-scroll"><p class="side-empty">{explain(failure.value)}</p></div>;
  if (!code.value) return <Choice />;
  return whole.value ? <Open key={whole.value.code} consult={whole.value} /> : <div class="side-scroll" aria-busy="true" />;
}

function Choice() {
  const list = about.value ?? [];
  if (list.length === 0) return <div class="side-scroll" data-testid="thread-none"><p class="side-empty"><strong>{words('noConsult')}</strong>{words('noConsultHint')}</p></div>;
  return (
    <div class="side-scroll" data-testid="thread-choice">
      <h2 class="thread-title">{words('choose')}</h2>
      <ol class="note-list">
        {list.map((card) => (
          <li key={card.code} class="note">
            <button type="button" class="link thread-card" data-testid="thread-card" onClick={() => (code.value = card.code)}>
              <strong>{site(card)}</strong>
              <span>{say(`state.${card.state}`)} · {card.question || card.chips.map((chip) => wordsOf('chips', chip)).join(' ')}</span>
              <Due card={card} />
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** The other side, as one would name it. */
function site(card: Card): string {
  const other = card.sides.includes('from') ? [card.to_person?.name, card.to_hospital?.name] : [card.requester?.name, card.hospital?.name];
  return other.filter(Boolean).join(', ');
}

function Open({ consult }: { consult: Whole }) {
  const end = useRef<HTMLDivElement>(null);
  const count = consult.events.length;
  useEffect(() => end.current?.scrollIntoView({ block: 'nearest' }), [count]);
  const from = consult.sides.includes('from');
  const alive = consult.may.includes('message');
  const images = consult.shows ? referencesOf(consult) : [];
  const several = (about.value?.length ?? 0) > 1;
  return (
    <div class="side-scroll thread" data-testid="thread" data-consult={consult.code}>
      <header class="thread-head">
        {several && <button type="button" class="link" onClick={() => (code.value = '')}>‹ {words('back')}</button>}
        <h2 class="thread-title">{site(consult)}</h2>
        <p>
          <span class={`thread-urgency urgency-${consult.urgency}`}>{wordsOf('urgencies', consult.urgency)}</span>
          <span>{say(`state.${consult.state}`)}</span><Due card={consult} />
          {consult.specialty && <span>{wordsOf('specialties', consult.specialty)}</span>}
        </p>
        <p>
          {consult.may.includes('accepted') && <Button icon="check" onClick={() => void accept(consult)} data-testid="thread-accept">{say('do.accepted')}</Button>}
          <a class="link" href={`/#/consult/${consult.mine ? 'waiting' : from ? 'from_me' : 'to_me'}/${consult.code}`} data-testid="thread-page">{words('whole')}</a>
        </p>
      </header>
      {!consult.shows && <p class="note-warning">{words('ended')}</p>}
      <Timeline consult={consult} showing={{ go, picture }} />
      <div ref={end} />
      {alive && consult.shows && (
        <div class="thread-share">
          {from
            ? <label><input type="checkbox" checked={sharing.value} data-testid="thread-sharing" onChange={(event) => (sharing.value = event.currentTarget.checked)} /> {words('sharing')}</label>
            : <p><Icon name="people" size={14} /> {words('sharingAlways')}</p>}
          {images.length > 0 && (
            <button type="button" class="button" data-testid="thread-send-keys" onClick={() => keep(eventsPath(consult.code), { kind: 'key_images', body: { images } })}>
              <Icon name="key" size={15} /> {words('sendKeys', { count: images.length })}
            </button>
          )}
        </div>
      )}
      <Answer key={`${consult.code} ${consult.state}`} consult={consult} images={images} onDone={() => void reload()} />
    </div>
  );
}

async function accept(consult: Whole): Promise<void> {
  await act(consult.code, 'accepted', {}).catch((error: unknown) => toast(explain(error), 'bad'));
  await reload();
}

function go(image: ImageReference): void {
  const of = shownIn(whole.value?.studies, image);
  if (!isOpen(of)) {
    location.assign(`${pageOf(of)}?consult=${code.value}`);
    return;
  }
  void goTo({ series: image.series_instance_uid, sop: image.sop_instance_uid, frame: image.frame, window: image.window ?? null, invert: image.invert ?? false })
    .then((there) => {
      if (!there) toast(words('gone'), 'bad');
    });
}

/** With what is drawn on it, when it is an image of this very study. */
function picture(image: ImageReference): preact.ComponentChildren {
  if (!isOpen(shownIn(whole.value?.studies, image))) return undefined;
  const body: Body = {
    tool: 'key_image', text: image.note, series_instance_uid: image.series_instance_uid, sop_instance_uid: image.sop_instance_uid, frame: image.frame,
    ...(image.window ? { window: image.window } : {}), invert: image.invert ?? false,
  };
  return <Thumb body={body} size={160} />;
}
