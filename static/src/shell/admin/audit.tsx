/** Who did what: the audit log, filtered, page by page, and as CSV. */
import { useEffect, useState } from 'preact/hooks';
import { may } from '../../common/api';
import { dateTime } from '../../common/i18n';
import { Field } from '../../common/ui';
import { Icon } from '../../common/icons';
import { act } from './act-strings';
import { facts, GROUPS, roleNames, said, type Group } from './acts';
import { odd } from './odd-strings';
import { usePages } from './pages';
import { reasonText } from './refused-why';
import { Rows, Section } from './parts';
import { Empty, More } from './reconcile';

interface Entry {
  sequence: number;
  at: number;
  actor: string;
  role: string;
  address: string;
  action: string;
  object: string;
  patient: string;
  reason: string;
  result: string;
  detail: string;
  hash: string;
}

const QUIET_MS = 300;

export function Audit() {
  const [typed, setTyped] = useState({ from: '', to: '', actor: '', action: '', object: '' });
  const [wanted, setWanted] = useState(typed);
  useEffect(() => {
    const timer = setTimeout(() => setWanted(typed), QUIET_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const query = {
    since: moment(wanted.from), until: moment(wanted.to, 1), actor: wanted.actor, action: wanted.action ? GROUPS[wanted.action as Group] : '', object: wanted.object,
  };
  const list = usePages<Entry>('/api/admin/audit', 'records', query);
  const put = (name: keyof typeof typed) => (event: { currentTarget: HTMLInputElement | HTMLSelectElement }): void => {
    setTyped({ ...typed, [name]: event.currentTarget.value });
  };
  return (
    <Section title={odd('audit')} text={act('text')} failure={list.failure} reload={list.reload}
      action={<a class="btn btn-plain" href={`/api/admin/audit.csv${address(query)}`} download data-testid="audit-csv"><Icon name="arrowDown" /><span>{odd('audit.csv')}</span></a>}>
      <form class="audit-filter" onSubmit={(event) => event.preventDefault()}>
        <Field label={odd('audit.from')}>{(control) => <input {...control} class="input" type="date" value={typed.from} data-testid="audit-from" onInput={put('from')} />}</Field>
        <Field label={odd('audit.to')}>{(control) => <input {...control} class="input" type="date" value={typed.to} data-testid="audit-to" onInput={put('to')} />}</Field>
        <Field label={odd('audit.actor')}>{(control) => <input {...control} class="input" type="search" value={typed.actor} placeholder={act('who.hint')} data-testid="audit-actor" onInput={put('actor')} />}</Field>
        <Field label={odd('audit.action')}>
          {(control) => (
            <select {...control} class="select" value={typed.action} data-testid="audit-action" onChange={put('action')}>
              <option value="">{act('any')}</option>
              {(Object.keys(GROUPS) as Group[]).map((group) => <option key={group} value={group}>{act(`group.${group}`)}</option>)}
            </select>
          )}
        </Field>
        <Field label={act('whom')}>{(control) => <input {...control} class="input" type="search" value={typed.object} placeholder={act('whom.hint')} data-testid="audit-object" onInput={put('object')} />}</Field>
      </form>
      {list.rows?.length === 0
        ? <Empty icon="list" title={odd('audit.none')} text={odd('audit.none.text')} testid="audit-none" />
        : <Rows
            heads={[odd('audit.at'), odd('audit.actor'), odd('audit.action'), act('about')]}
            rows={list.rows}
            keyOf={(one) => one.sequence}
            none=""
            testid="audit"
            rowTestid="audit-row"
            cells={(one) => [
              <div class="audit-at" title={one.hash}>{dateTime(one.at)}<div class="muted">{odd('audit.number', { seq: one.sequence })}</div></div>,
              <div>{one.actor || act('nobody')}<div class="muted">{[roleNames(one.role), one.address].filter(Boolean).join(' · ')}</div></div>,
              <div data-action={one.action}>{said(one)}{one.result !== 'done' && <span class="tag">{result(one.result)}</span>}<div class="muted wrap">{facts(one).join(' · ')}</div>{one.reason && <div class="muted wrap">{reasonText(one.reason)}</div>}</div>,
              one.object || one.patient ? <What of={one} /> : null,
            ]}
          />}
      <More list={list} />
    </Section>
  );
}

/** The beginning of a day of this device, or of the day after it. */
function moment(day: string, later = 0): number | undefined {
  const [year, month, date] = day.split('-').map(Number);
  return year && month && date ? new Date(year, month - 1, date + later).getTime() : undefined;
}

function address(query: Record<string, string | number | undefined>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) given.set(name, String(value));
  const text = given.toString();
  return text && `?${text}`;
}

/** What it was done to; a study is a link for who may read it. */
function What({ of: one }: { of: Entry }) {
  const study = one.patient.startsWith('~') ? '' : one.patient || (one.action.startsWith('study.') ? one.object : '');
  if (one.action.startsWith('session.') && /^[0-9a-f]{16}$/.test(one.object)) {
    return <span class="muted" title={one.object}>{act('about.session', { id: one.object.slice(0, 6) })}</span>;
  }
  return (
    <div>
      <span class="mono uid" title={one.object}>{one.object}</span>
      {study && may('study.read') && <div class="muted"><a class="audit-study" href={`/read/${study}`}>{odd('audit.study')}</a></div>}
    </div>
  );
}

function result(name: string): string {
  return name === 'failed' || name === 'refused' ? odd(`result.${name}`) : name;
}
