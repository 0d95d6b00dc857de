/** The inbox: boxes, cards, and the consultation that is open, side by side where there is room. */
import './consult.css';
import { useEffect, useState } from 'preact/hooks';
import { age } from '../../common/dicom-text';
import { get } from '../../common/api';
import { explain } from '../../common/explain';
import { Icon } from '../../common/icons';
import { common } from '../../common/strings';
import { Button } from '../../common/ui';
import { BOXES, loadVocabulary, vocabulary, words, type Box, type Card, type Inbox } from '../../consult/api';
import { sentences } from '../../consult/sentences';
import { say } from '../../consult/strings';
import { Due } from '../../consult/time';
import { go } from '../route';
import { Consultation } from './consultation';
import { happened } from './entry';

const isBox = (text: string): text is Box => (BOXES as readonly string[]).includes(text);

export function ConsultPage({ box: asked, code }: { box: string; code: string }) {
  const box = isBox(asked) ? asked : 'waiting';
  const [inbox, setInbox] = useState<Inbox | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [again, setAgain] = useState(0);
  const reload = (): void => setAgain((before) => before + 1);
  useEffect(() => {
    loadVocabulary().catch((error: unknown) => setFailure(explain(error)));
  }, [again]);
  useEffect(() => {
    const controller = new AbortController();
    get<Inbox>('/api/consults', { box }, { signal: controller.signal }).then(
      (found) => {
        setInbox(found);
        setFailure(null);
      },
      (error: unknown) => {
        if (!controller.signal.aborted) setFailure(explain(error));
      },
    );
    return () => controller.abort();
  }, [box, again, happened.value]);
  return (
    <div class={code ? 'consult consult-open' : 'consult'} data-testid="consult-page">
      <section class="inbox" aria-label={say('consult')}>
        <h1 class="visually-hidden">{say('consult')}</h1>
        <nav class="boxes" aria-label={say('consult')}>
          {BOXES.map((name) => (
            <a key={name} href={`#/consult/${name}`} aria-current={name === box ? 'page' : undefined} data-testid={`box-${name}`}>
              <span>{say(`box.${name}`)}</span>
              {inbox && <span class="box-count">{inbox.counts[name]}</span>}
            </a>
          ))}
        </nav>
        <div class="cards">
          {failure ? (
            <div class="message"><Icon name="warning" size={28} /><p>{failure}</p><Button icon="refresh" onClick={reload}>{common('retry')}</Button></div>
          ) : inbox === null || vocabulary.value === null ? <Skeleton />
            : inbox.consults.length === 0 ? (
              <div class="message" data-testid="inbox-none"><Icon name="consult" size={28} /><h2>{say(`none.${box}`)}</h2><p class="muted">{say(`none.${box}.text`)}</p></div>
            )
            : <ul>{inbox.consults.map((card) => <li key={card.code}><CardView card={card} box={box} open={card.code === code} /></li>)}</ul>}
        </div>
      </section>
      <main class="consult-main">
        {code
          ? <Consultation key={code} code={code} onBack={() => go(`#/consult/${box}`)} onSeen={reload} />
          : <div class="message consult-choose"><Icon name="consult" size={32} /><p class="muted">{say('choose')}</p></div>}
      </main>
    </div>
  );
}

function Skeleton() {
  return <ul aria-hidden="true">{[0, 1, 2].map((one) => <li key={one} class="inbox-card"><span class="skeleton" style={{ width: '60%' }} /><span class="skeleton" style={{ width: '90%' }} /><span class="skeleton" style={{ width: '40%' }} /></li>)}</ul>;
}

/** The question in one line: what was tapped, then what was written. */
export function headline(card: Card): string {
  return sentences([...card.chips.map((chip) => words('chips', chip)), card.question]);
}

/** The other side, by name. */
export function site(card: Card): string {
  const from = card.hospital?.name ?? '';
  const to = card.to_person?.name ?? card.to_hospital?.name ?? '';
  return card.sides.includes('to') && !card.sides.includes('from') ? from : to;
}

function CardView({ card, box, open }: { card: Card; box: Box; open: boolean }) {
  const unread = card.sequence > card.seen;
  const { arrived, expected } = card.images;
  const modalities = [...new Set(card.studies.flatMap((study) => study.modalities))];
  return (
    <a class={['inbox-card', open ? 'inbox-card-open' : '', unread ? 'inbox-card-unread' : ''].join(' ')} href={`#/consult/${box}/${card.code}`} aria-current={open ? 'true' : undefined} data-testid="consult-card" data-code={card.code}>
      <span class="inbox-line">
        <Urgency card={card} />
        <span class="inbox-site">{site(card)}</span>
        {unread && <span class="unread" role="img" aria-label={say('unread')} />}
        {card.answered_at === null && <Due card={card} />}
      </span>
      <span class="inbox-question">{headline(card)}</span>
      <span class="inbox-line inbox-facts">
        <span class="cut">{[card.patient ? [card.patient.name, age(card.patient.age)].filter(Boolean).join(', ') : card.anonymise ? say('anonymous') : '', modalities.join(', '), card.specialty && words('specialties', card.specialty)].filter(Boolean).join(' · ')}</span>
        <abbr class="lang" title={say(`lang.${card.language}`)}>{card.language.toUpperCase()}</abbr>
      </span>
      <span class="inbox-line inbox-facts">
        <StateMark card={card} />
        {card.shows && <span class={arrived < expected || card.arriving ? 'arriving' : ''} data-testid="card-images">
          {arrived < expected ? say('images', { arrived, expected }) : say('images.all', { count: arrived })}
          {arrived < expected && card.anonymise ? `, ${say('images.copies')}` : card.arriving ? `, ${say('images.arriving')}` : ''}
        </span>}
        {card.answered_at !== null && <Due card={card} />}
      </span>
    </a>
  );
}

export function Urgency({ card }: { card: Card }) {
  return <span class={`urgency urgency-${card.urgency}`}>{words('urgencies', card.urgency)}</span>;
}

export function StateMark({ card }: { card: Card }) {
  return (
    <span class={`state state-${card.state}`} data-testid="consult-state">
      {say(`state.${card.state}`)}{card.state === 'answered' && card.verdict ? `: ${words('verdicts', card.verdict)}` : ''}
    </span>
  );
}
