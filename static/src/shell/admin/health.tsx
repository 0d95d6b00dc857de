/** How the parts of the system are. */
import './health.css';
import type { ComponentChildren } from 'preact';
import { bytes, dateTime, number } from '../../common/i18n';
import { Icon } from '../../common/icons';
import { Button } from '../../common/ui';
import { auditSentences, type AuditHealth } from './audit-health';
import { troubles } from './health-strings';
import { Integrity } from './integrity';
import { Section, useLoaded } from './parts';
import { kept } from './integrity-strings';
import { words } from './strings';

interface Check {
  name: string;
  ok: boolean;
  detail: string;
  /** It works, but somebody should do something. */
  attention?: boolean;
  /** What is wrong, as a word; see health-strings. */
  trouble?: string;
  free?: number;
  total?: number;
  mark?: number;
  waiting?: number;
  waiting_bytes?: number;
  oldest_at?: number;
  stuck?: number;
  kept_bytes?: number;
  /** The last pass of reading everything back. */
  scrub?: { running: boolean; began: number; ended: number; checked: number; corrupt: number; missing: number };
  /** What the worker found when it last checked the audit log. */
  audit?: AuditHealth;
}

interface Report {
  checks: Check[];
  counts: Record<string, number | Record<string, number>>;
  /** Which processes are up; empty when nobody supervises them. */
  doors: Record<string, boolean>;
  versions?: Record<string, string>;
}

export function Health() {
  const { data, failure, reload } = useLoaded<Report>('/api/admin/health');
  return (
    <Section title={words('health')} text={words('health.text')} failure={failure} reload={reload} testid="health"
      action={<Button icon="refresh" onClick={reload}>{words('health.refresh')}</Button>}>
      <ul class="checks">
        {(data?.checks ?? []).map((check) => (
          <li key={check.name} class={`check check-${stateOf(check)}`} data-testid={`check-${check.name}`}>
            <Icon name={check.ok ? 'check' : 'warning'} />
            <div>
              <strong>{nameOf(check.name)}</strong>
              {sentencesOf(check).map((sentence) => <p key={sentence} class="muted wrap">{sentence}</p>)}
            </div>
            <span>{check.attention ? troubles('attention') : words(check.ok ? 'health.ok' : 'health.bad')}</span>
          </li>
        ))}
      </ul>
      {data && (
        <div class="health-pair">
          <Facts title={words('health.counts')} facts={Object.entries(data.counts).map(([name, value]) => [nameOf(name), countText(value)])} />
          {Object.keys(data.doors).length > 0 && (
            <Facts title={words('health.doors')} facts={Object.entries(data.doors).map(([name, up]) => [nameOf(name), <Up up={up} />])} />
          )}
          {data.versions && <Facts title={words('health.versions')} facts={Object.entries(data.versions)} />}
        </div>
      )}
      <Integrity />
    </Section>
  );
}

function Facts({ title, facts }: { title: string; facts: [string, ComponentChildren][] }) {
  return (
    <div>
      <h2>{title}</h2>
      <dl class="facts facts-wide">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
    </div>
  );
}

const Up = ({ up }: { up: boolean }) => <span class={up ? 'state state-on' : 'state state-off'}>{words(up ? 'health.up' : 'health.down')}</span>;

const stateOf = (check: Check) => (check.ok ? 'ok' : check.attention ? 'attention' : 'bad');

/** What was found, what mends it, and what else is known. */
function sentencesOf(check: Check): string[] {
  if (check.audit) return auditSentences(check.audit);
  const values = {
    free: bytes(check.free ?? 0), total: bytes(check.total ?? 0), mark: bytes(check.mark ?? 0), count: check.stuck ?? 0,
  };
  const found = isTrouble(check.trouble) ? [troubles(check.trouble, values), troubles(`${check.trouble}.mend`)] : [];
  if (check.waiting) {
    const since = dateTime(check.oldest_at ?? 0);
    found.push(troubles('uploads.some', { count: check.waiting, size: bytes(check.waiting_bytes ?? 0), since }));
  }
  if (check.name === 'uploads' && found.length === 0) return [troubles('uploads.none', { kept: bytes(check.kept_bytes ?? 0) })];
  if (found.length === 0) return [detailOf(check)];
  return check.trouble && check.free === undefined && check.detail ? [...found, troubles('error', { error: check.detail })] : found;
}

type Trouble = 'unreachable' | 'waiting-full' | 'sync-failed' | 'disk' | 'stuck' | 'no-room' | 'low-room';

const isTrouble = (word: string | undefined): word is Trouble => !!word && `${word}.mend` in troubles.vi;

/** What was found, in the language of the page as far as we know the sentence. */
function detailOf(check: Check): string {
  if (check.free !== undefined && check.total !== undefined) return words('health.disk', { free: bytes(check.free), total: bytes(check.total) });
  if (check.scrub) return scrubOf(check.scrub);
  const answers = /^(\S+) answers in (\d+) ms$/.exec(check.detail);
  if (answers) return words('health.answers', { name: answers[1] ?? '', ms: Number(answers[2]) });
  const tried = /^(.+): wrote, read back and deleted an object in (\d+) ms(?:; ([\d.]+) GB free)?$/.exec(check.detail);
  if (tried) return words('health.tried', { place: tried[1] ?? '', ms: Number(tried[2]) });
  return check.detail === 'no answer yet' ? words('health.silent') : check.detail.replace(/^codecs: /, '');
}

function scrubOf({ running, ended, checked, corrupt, missing }: NonNullable<Check['scrub']>): string {
  const found = kept('scrub.found', { corrupt, missing });
  const last = ended ? kept('scrub.ended', { at: dateTime(ended) }) : kept('scrub.never');
  return `${found} ${last}${running ? ` ${kept('scrub.running', { count: checked })}` : ''}`;
}

function countText(value: number | Record<string, number>): string {
  if (typeof value === 'number') return number(value);
  return Object.entries(value).map(([name, count]) => `${nameOf(name)} ${number(count)}`).join(' · ') || number(0);
}

/** What the server calls a part, in the language of the page; "dicom-2" is the second process of the DICOM door. */
function nameOf(name: string): string {
  const process = /^(.*)-(\d+)$/.exec(name);
  if (process) return `${nameOf(process[1] ?? '')} ${process[2] ?? ''}`;
  if (name === 'uploads' || name === 'durability') return troubles(`check.${name}`);
  const key = name === 'index and object store' ? 'check.both' : `check.${name}`;
  return key in words.vi ? words(key as keyof typeof words.vi & `check.${string}`) : name;
}
