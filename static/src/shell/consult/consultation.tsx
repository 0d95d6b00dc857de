/** One consultation: what is asked about what, what was said, and what can be done now. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, post, Problem } from '../../common/api';
import { pageOf, webOf } from '../../common/at';
import { age, dicomDate } from '../../common/dicom-text';
import { explain } from '../../common/explain';
import { dateTime, language } from '../../common/i18n';
import { openMenu } from '../../common/menu';
import { common } from '../../common/strings';
import { Button, Dialog, Field, IconButton, Notice, toast } from '../../common/ui';
import { Answer } from '../../consult/answer';
import { act, clientId, words, type Kind, type NamedStudy, type Outcome, type Whole } from '../../consult/api';
import { say } from '../../consult/strings';
import { Due } from '../../consult/time';
import { Timeline } from '../../consult/timeline';
import { Copies } from './copies';
import { happened } from './entry';
import { minutes } from '../minutes/strings';
import { site, StateMark, Urgency } from './page';

/** From here on there is something to write down. */
const WRITTEN = new Set<string>(['accepted', 'answered', 'concluded', 'closed']);
const ENDING = ['withdrawn', 'revoked'] as const;

export function Consultation({ code, onBack, onSeen }: { code: string; onBack: () => void; onSeen: () => void }) {
  const [consult, setConsult] = useState<Whole | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [again, setAgain] = useState(0);
  const reload = (): void => setAgain((before) => before + 1);
  const news = happened.value[code];
  useEffect(() => {
    const controller = new AbortController();
    get<Whole>(`/api/consults/${code}`, undefined, { signal: controller.signal }).then(
      (found) => {
        setConsult(found);
        setFailure(null);
        if (found.seen < found.sequence) void post(`/api/consults/${code}/seen`, { sequence: found.sequence }).then(onSeen, () => undefined);
      },
      (error: unknown) => {
        if (!controller.signal.aborted) setFailure(explain(error));
      },
    );
    return () => controller.abort();
  }, [code, again, news]);
  const end = useRef<HTMLDivElement>(null);
  const count = consult?.events.length ?? 0;
  const before = useRef(0);
  useEffect(() => {
    if (before.current > 0 && count > before.current) end.current?.scrollIntoView({ block: 'nearest' });
    before.current = count;
  }, [count]);
  if (failure) return <div class="message"><p>{failure}</p><Button icon="back" onClick={onBack}>{say('back')}</Button></div>;
  if (!consult) return <div class="boot" aria-busy="true" />;
  return (
    <article class="consultation" data-testid="consultation">
      <Head consult={consult} onBack={onBack} reload={reload} />
      <div class="consultation-body">
        {!consult.shows && <Notice kind="info">{say('no.access')}</Notice>}
        {consult.revoked && consult.sides.includes('from') && <Notice kind="info">{say('revoked.own')}</Notice>}
        {consult.studies.length > 0 && <ul class="consult-studies">{consult.studies.map((study, index) => <li key={study.StudyInstanceUID ?? index}><StudyView study={study} anonymise={consult.anonymise} /></li>)}</ul>}
        <Copies consult={consult} onDone={reload} />
        <Timeline consult={consult} />
        {consult.may.includes('closed') && (consult.state === 'answered' || consult.state === 'concluded') && <Closing consult={consult} onDone={reload} />}
        <Answer key={`${consult.code} ${consult.state}`} consult={consult} onDone={reload} />
        <div ref={end} />
      </div>
    </article>
  );
}

function Head({ consult, onBack, reload }: { consult: Whole; onBack: () => void; reload: () => void }) {
  const [ending, setEnding] = useState<(typeof ENDING)[number] | null>(null);
  const [busy, setBusy] = useState(false);
  const at = async (kind: Kind, body: object = {}): Promise<void> => {
    setBusy(true);
    try {
      await act(consult.code, kind, body);
      reload();
    } catch (error) {
      if (error instanceof Problem && error.status === 409) reload();
      toast(explain(error), 'bad');
    } finally {
      setBusy(false);
    }
  };
  const others = [...ENDING.filter((kind) => consult.may.includes(kind)), ...(consult.may.includes('reopened') ? (['reopened'] as const) : [])];
  const first = consult.studies.find((study) => study.ready);
  const who = consult.patient ? [consult.patient.name, age(consult.patient.age)].filter(Boolean).join(', ') : consult.anonymise ? say('anonymous') : '';
  return (
    <header class="consultation-head">
      <IconButton icon="back" class="consultation-back" label={say('back')} onClick={onBack} />
      <div class="consultation-title">
        <h2>{[who, site(consult)].filter(Boolean).join(' · ') || say('consult')}</h2>
        <p>
          <Urgency card={consult} /><StateMark card={consult} /><Due card={consult} />
          {consult.specialty && <span>{words('specialties', consult.specialty)}</span>}
          {consult.to_person?.came === false && <span data-testid="consult-awaited">{say('awaited')}</span>}
          {consult.informed_how && <span title={consult.informed_at ? dateTime(consult.informed_at) : undefined}>{say('informed')}: {words('informed', consult.informed_how)}</span>}
        </p>
      </div>
      <div class="consultation-acts">
        {consult.may.includes('accepted') && <Button busy={busy} icon="check" onClick={() => void at('accepted')} data-testid="do-accept">{say('do.accepted')}</Button>}
        {first && consult.shows && <a class="btn btn-primary" href={`${pageOf(first)}?consult=${consult.code}`} data-testid="consult-images">{say('open')}</a>}
        {WRITTEN.has(consult.state) && <a class="btn btn-plain" href={`#/minutes/${consult.code}`} data-testid="consult-minutes">{minutes('title')}</a>}
        {others.length > 0 && (
          <IconButton icon="more" label={say('more')} data-testid="consult-more"
            onClick={(event) => openMenu(event.currentTarget, say('more'), () => others.map((kind) => ({
              id: kind, text: say(`do.${kind}`), onSelect: () => (kind === 'reopened' ? void at('reopened') : setEnding(kind)),
            })))} />
        )}
      </div>
      {ending && <Ending kind={ending} onClose={() => setEnding(null)} onSure={(text) => { setEnding(null); void at(ending, { text }); }} />}
    </header>
  );
}

function Ending({ kind, onClose, onSure }: { kind: (typeof ENDING)[number]; onClose: () => void; onSure: (text: string) => void }) {
  const [text, setText] = useState('');
  return (
    <Dialog title={say(`do.${kind}`)} onClose={onClose} testid="ending"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="danger" onClick={() => onSure(text)} data-testid="ending-sure">{say(`do.${kind}`)}</Button></>}>
      <form class="form" onSubmit={(event) => { event.preventDefault(); onSure(text); }}>
        <p>{say(`do.${kind}.text`)}</p>
        <Field label={say('do.reason')}>{(control) => <input {...control} class="input" maxLength={500} value={text} onInput={(event) => setText(event.currentTarget.value)} />}</Field>
      </form>
    </Dialog>
  );
}

function StudyView({ study, anonymise }: { study: NamedStudy; anonymise: boolean }) {
  const what = [study.modalities.join(', '), study.StudyDescription, dicomDate(study.StudyDate)].filter(Boolean).join(' · ') || '–';
  const facts = [study.prior ? say('prior') : '', study.images < study.expected ? say('images', { arrived: study.images, expected: study.expected }) : say('images.all', { count: study.images }), !study.ready && anonymise ? say('images.copies') : ''];
  const inside = (
    <>
      {study.ready && <img src={`${webOf(study)}/thumbnail`} alt="" loading="lazy" onError={(event) => event.currentTarget.remove()} />}
      <span class="consult-study-text"><span class="cut">{what}</span><span class="muted">{facts.filter(Boolean).join(' · ')}</span></span>
    </>
  );
  return study.ready ? <a class="consult-study" href={pageOf(study)}>{inside}</a> : <span class="consult-study">{inside}</span>;
}

/** Closing and saying whether a transfer was avoided are one click. */
function Closing({ consult, onDone }: { consult: Whole; onDone: () => void }) {
  const [busy, setBusy] = useState(false);
  const [id] = useState(clientId);
  const close = async (outcome: Outcome): Promise<void> => {
    setBusy(true);
    try {
      await act(consult.code, 'closed', { outcome, language: language.value }, id);
      onDone();
    } catch (error) {
      toast(explain(error), 'bad');
      setBusy(false);
    }
  };
  return (
    <section class="closing">
      <p>{say('close.title')}</p>
      <div>{(['yes', 'no', 'na'] as const).map((outcome) => <Button key={outcome} disabled={busy} onClick={() => void close(outcome)} data-testid={`close-${outcome}`}>{say(`close.${outcome}`)}</Button>)}</div>
    </section>
  );
}
