/** Who did what: the audit log, filtered, page by page, and as CSV. */
import { useEffect, useState } from 'preact/hooks';
import { dateTime } from '../../common/i18n';
import { Field } from '../../common/ui';
import { Icon } from '../../common/icons';
import { odd } from './odd-strings';
import { usePages } from './pages';
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
  hash: string;
}

const GROUPS = ['conflict', 'quarantine', 'object', 'audit'] as const;
const QUIET_MS = 300;

export function Audit() {
  const [typed, setTyped] = useState({ from: '', to: '', actor: '', action: '', object: '' });
  const [wanted, setWanted] = useState(typed);
  useEffect(() => {
    const timer = setTimeout(() => setWanted(typed), QUIET_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const query = {
    since: moment(wanted.from), until: moment(wanted.to, 1), actor: wanted.actor, action: wanted.action, object: wanted.object,
  };
  const list = usePages<Entry>('/api/admin/audit', 'records', query);
  const put = (name: keyof typeof typed) => (event: { currentTarget: HTMLInputElement | HTMLSelectElement }): void => {
    setTyped({ ...typed, [name]: event.currentTarget.value });
  };
  return (
    <Section title={odd('audit')} text={odd('audit.text')} failure={list.failure} reload={list.reload}
      action={<a class="btn btn-plain" href={`/api/admin/audit.csv${address(query)}`} download data-testid="audit-csv"><Icon name="arrowDown" /><span>{odd('audit.csv')}</span></a>}>
      <form class="audit-filter" onSubmit={(event) => event.preventDefault()}>
        <Field label={odd('audit.from')}>{(control) => <input {...control} class="input" type="date" value={typed.from} data-testid="audit-from" onInput={put('from')} />}</Field>
        <Field label={odd('audit.to')}>{(control) => <input {...control} class="input" type="date" value={typed.to} data-testid="audit-to" onInput={put('to')} />}</Field>
        <Field label={odd('audit.actor')}>{(control) => <input {...control} class="input" type="search" value={typed.actor} data-testid="audit-actor" onInput={put('actor')} />}</Field>
        <Field label={odd('audit.action')}>
          {(control) => (
            <select {...control} class="input" value={typed.action} data-testid="audit-action" onChange={put('action')}>
              <option value="">{odd('audit.any')}</option>
              {GROUPS.map((group) => <option key={group} value={group}>{odd(`group.${group}`)}</option>)}
            </select>
          )}
        </Field>
        <Field label={odd('audit.object')}>{(control) => <input {...control} class="input" type="search" value={typed.object} placeholder={odd('audit.object.hint')} data-testid="audit-object" onInput={put('object')} />}</Field>
      </form>
      {list.rows?.length === 0
        ? <Empty icon="list" title={odd('audit.none')} text={odd('audit.none.text')} testid="audit-none" />
        : <Rows
            heads={[odd('audit.at'), odd('audit.actor'), odd('audit.action'), odd('audit.object')]}
            rows={list.rows}
            keyOf={(one) => one.sequence}
            none=""
            testid="audit"
            rowTestid="audit-row"
            cells={(one) => [
              <div title={one.hash}>{dateTime(one.at)}<div class="muted">{odd('audit.number', { seq: one.sequence })}</div></div>,
              <div>{one.actor}<div class="muted">{[one.role, one.address].filter(Boolean).join(' · ')}</div></div>,
              <div>{said(one.action)}{one.result !== 'done' && <span class="tag">{result(one.result)}</span>}{one.reason && <div class="muted wrap">{one.reason}</div>}</div>,
              <div><span class="mono uid" title={one.object}>{one.object}</span>{one.patient && <div class="muted"><a href={`/read/${one.patient}`}>{odd('audit.study')}</a></div>}</div>,
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

function said(action: string): string {
  const key = `action.${action}`;
  return key in odd.vi ? odd(key as keyof typeof odd.vi & `action.${string}`) : action;
}

function result(name: string): string {
  return name === 'failed' || name === 'refused' ? odd(`result.${name}`) : name;
}
