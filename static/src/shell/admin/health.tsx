/** How the parts of the system are. */
import type { ComponentChildren } from 'preact';
import { bytes, number } from '../../common/i18n';
import { Icon } from '../../common/icons';
import { Button } from '../../common/ui';
import { Section, useLoaded } from './parts';
import { words } from './strings';

interface Check {
  name: string;
  ok: boolean;
  detail: string;
  free?: number;
  total?: number;
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
          <li key={check.name} class={check.ok ? 'check check-ok' : 'check check-bad'} data-testid={`check-${check.name}`}>
            <Icon name={check.ok ? 'check' : 'warning'} />
            <div><strong>{nameOf(check.name)}</strong><p class="muted wrap">{detailOf(check)}</p></div>
            <span>{words(check.ok ? 'health.ok' : 'health.bad')}</span>
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
    </Section>
  );
}

function Facts({ title, facts }: { title: string; facts: [string, ComponentChildren][] }) {
  return (
    <div>
      <h3>{title}</h3>
      <dl class="facts facts-wide">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
    </div>
  );
}

const Up = ({ up }: { up: boolean }) => <span class={up ? 'state state-on' : 'state state-off'}>{words(up ? 'health.up' : 'health.down')}</span>;

/** What was found, in the language of the page as far as we know the sentence. */
function detailOf(check: Check): string {
  if (check.free !== undefined && check.total !== undefined) return words('health.disk', { free: bytes(check.free), total: bytes(check.total) });
  const answers = /^(\S+) answers in (\d+) ms$/.exec(check.detail);
  if (answers) return words('health.answers', { name: answers[1] ?? '', ms: Number(answers[2]) });
  const tried = /^(.+): wrote, read back and deleted an object in (\d+) ms(?:; ([\d.]+) GB free)?$/.exec(check.detail);
  if (tried) return words('health.tried', { place: tried[1] ?? '', ms: Number(tried[2]) });
  return check.detail;
}

function countText(value: number | Record<string, number>): string {
  if (typeof value === 'number') return number(value);
  return Object.entries(value).map(([name, count]) => `${nameOf(name)} ${number(count)}`).join(' · ') || number(0);
}

/** What the server calls a part, in the language of the page; "dicom-2" is the second process of the DICOM door. */
function nameOf(name: string): string {
  const process = /^(.*)-(\d+)$/.exec(name);
  if (process) return `${nameOf(process[1] ?? '')} ${process[2] ?? ''}`;
  const key = `check.${name}`;
  return key in words.vi ? words(key as keyof typeof words.vi & `check.${string}`) : name;
}
