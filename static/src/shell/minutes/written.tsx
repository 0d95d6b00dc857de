/** The text of minutes that are signed: nothing of it can change, so it is read as text. */
import type { ComponentChildren } from 'preact';
import { dateTime } from '../../common/i18n';
import { SECTIONS, type Body } from './api';
import { minutes as say } from './strings';

const PATIENT = ['patient_name', 'patient_id', 'patient_sex', 'patient_age', 'study'] as const;

export function Written({ body, hidden }: { body: Body; hidden: boolean }) {
  return (
    <div data-testid="minutes-written">
      <section class="minutes-section">
        <h2>{say('when')}</h2>
        <dl class="minutes-facts">
          <Fact name={say('held_from')}>{body.held_from ? dateTime(body.held_from) : ''}</Fact>
          <Fact name={say('held_to')}>{body.held_to ? dateTime(body.held_to) : ''}</Fact>
          <Fact name={say('place')}>{body.place}</Fact>
        </dl>
      </section>
      <section class="minutes-section">
        <h2>{say('people')}</h2>
        <dl class="minutes-facts">
          <Fact name={say('chair')}>{body.chair}</Fact>
          <Fact name={say('secretary')}>{body.secretary}</Fact>
        </dl>
        <ul class="minutes-present" data-testid="minutes-people">
          {body.participants.map((one, at) => <li key={at}><strong>{one.name}</strong> <span class="muted">{[one.title, one.hospital].filter(Boolean).join(' · ')}</span></li>)}
        </ul>
      </section>
      <section class="minutes-section">
        <h2>{say('patient')}</h2>
        {hidden && <p class="muted">{say('hidden')}</p>}
        <dl class="minutes-facts">{(hidden ? PATIENT.slice(2) : PATIENT).map((name) => <Fact key={name} name={say(name)}>{body[name]}</Fact>)}</dl>
      </section>
      <section class="minutes-section">
        <h2>{say('content')}</h2>
        {SECTIONS.filter((name) => body[name] || (body.bilingual && body.english[name])).map((name) => (
          <div key={name} class={body.bilingual ? 'minutes-pair' : ''}>
            <Words name={say(name)} text={body[name]} testid={`minutes-${name}`} />
            {body.bilingual && <Words name={say('english')} text={body.english[name] ?? ''} lang="en" />}
          </div>
        ))}
      </section>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return children ? <div><dt>{name}</dt><dd>{children}</dd></div> : null;
}

function Words({ name, text, lang, testid }: { name: string; text: string; lang?: string; testid?: string }) {
  return <div class="minutes-words"><h3>{name}</h3><p lang={lang} data-testid={testid}>{text || '–'}</p></div>;
}
