/** Figures of consultations: requests, response times by site, outcomes, transfers avoided. */
import '../admin/admin.css';
import './statistics.css';
import { useState } from 'preact/hooks';
import { may } from '../../common/api';
import { number } from '../../common/i18n';
import { Icon } from '../../common/icons';
import { Segmented } from '../../common/ui';
import { Rows, Section, useLoaded } from '../admin/parts';
import { Columns, Shares, Times } from './charts';
import { stats } from './strings';

interface Group {
  requests: number;
  answered: number;
  in_time: number;
  median_minutes: number | null;
  p90_minutes: number | null;
  closed: number;
  withdrawn: number;
  transfers_avoided: number;
  transfers_made: number;
}

interface Figures {
  totals: Group;
  months: { month: string; asked: number; answered: number }[];
  sites: (Group & { direction: 'asked' | 'answered'; site: string })[];
  outcomes: { code: 'yes' | 'no' | 'na'; count: number }[];
}

const SPANS = ['30', '90', '365'] as const;
const DAY = 24 * 3600 * 1000;
const KINDS = { yes: 'chart-good', no: 'chart-b', na: 'chart-soft' } as const;

export function StatisticsPage(_: { code: string }) {
  const [span, setSpan] = useState<(typeof SPANS)[number]>('365');
  const [now] = useState(() => Date.now());
  const query = `?since=${now - Number(span) * DAY}`;
  const { data, failure, reload } = useLoaded<Figures>(`/api/consult/statistics${query}`);
  if (!may('consult.statistics')) return <main class="message"><h1>{stats('denied')}</h1></main>;
  return (
    <main class="stats" data-testid="statistics">
      <Section title={stats('title')} text={stats('text')} failure={failure} reload={reload}
        action={<a class="btn btn-plain" href={`/api/consult/statistics.csv${query}`} download data-testid="statistics-csv"><Icon name="arrowDown" /><span>{stats('csv')}</span></a>}>
        <Segmented label={stats('span')} value={span} options={SPANS.map((one) => ({ value: one, text: stats(`span.${one}`) }))} onChange={setSpan} />
        {data && (data.totals.requests === 0 ? <p class="admin-none" data-testid="statistics-none">{stats('none')}</p> : <Shown data={data} />)}
      </Section>
    </main>
  );
}

function Shown({ data }: { data: Figures }) {
  const { totals } = data;
  const told = totals.transfers_avoided + totals.transfers_made;
  const tiles = [
    [stats('requests'), number(totals.requests), ''],
    [stats('answered'), number(totals.answered), stats('answered.share', { share: share(totals.answered, totals.requests) })],
    [stats('median'), span(totals.median_minutes), `${stats('p90')} ${span(totals.p90_minutes)}`],
    [stats('in_time'), share(totals.in_time, totals.answered), ''],
    [stats('avoided'), number(totals.transfers_avoided), stats('avoided.of', { count: told })],
  ] as const;
  const timed = data.sites.filter(({ median_minutes }) => median_minutes !== null);
  return (
    <>
      <dl class="stats-tiles" data-testid="statistics-tiles">
        {tiles.map(([name, value, more]) => <div key={name}><dt>{name}</dt><dd>{value}</dd>{more && <span class="muted">{more}</span>}</div>)}
      </dl>
      <section class="stats-card">
        <h3>{stats('months')}</h3>
        <Columns name={stats('months')} pairs={data.months.map(({ month, asked, answered }) => ({ label: `${month.slice(5)}/${month.slice(0, 4)}`, first: asked, second: answered }))} />
        <ul class="chart-legend"><li><span class="chart-key chart-a" aria-hidden="true" />{stats('asked.series')}</li><li><span class="chart-key chart-b" aria-hidden="true" />{stats('answered.series')}</li></ul>
      </section>
      {timed.length > 0 && (
        <section class="stats-card">
          <h3>{stats('sites.times')}</h3>
          <Times name={stats('sites.times')} rows={timed.map((row) => ({
            label: `${row.site || stats('experts')} · ${stats(`direction.${row.direction}`)}`, first: row.median_minutes ?? 0, second: row.p90_minutes ?? 0, said: `${span(row.median_minutes)} · ${span(row.p90_minutes)}`,
          }))} />
          <ul class="chart-legend"><li><span class="chart-key chart-a" aria-hidden="true" />{stats('median.short')}</li><li><span class="chart-key chart-soft" aria-hidden="true" />{stats('p90')}</li></ul>
        </section>
      )}
      <section class="stats-card">
        <h3>{stats('outcomes')}</h3>
        <Shares name={stats('outcomes')} parts={data.outcomes.map(({ code, count }) => ({ label: stats(`outcome.${code}`), count, kind: KINDS[code] }))} />
      </section>
      <section class="stats-card">
        <h3>{stats('sites')}</h3>
        <Rows
          heads={[stats('site'), stats('direction'), stats('requests'), stats('answered'), stats('median.short'), stats('p90'), stats('in_time'), stats('avoided'), stats('made')]}
          rows={data.sites}
          keyOf={(row) => `${row.direction} ${row.site}`}
          none=""
          testid="statistics-sites"
          rowTestid="statistics-site"
          cells={(row) => [
            <strong>{row.site || stats('experts')}</strong>, stats(`direction.${row.direction}`), number(row.requests), number(row.answered), span(row.median_minutes), span(row.p90_minutes),
            share(row.in_time, row.answered), number(row.transfers_avoided), number(row.transfers_made),
          ]}
        />
      </section>
    </>
  );
}

function share(some: number, all: number): string {
  return all ? number(some / all, { style: 'percent', maximumFractionDigits: 0 }) : stats('never');
}

/** Minutes as people say them: up to two hours in minutes, up to two days in hours. */
function span(minutes: number | null): string {
  if (minutes === null) return stats('never');
  if (minutes === 0) return stats('moment');
  if (minutes < 120) return stats('minutes', { count: minutes });
  return minutes < 2880 ? stats('hours', { count: Math.round(minutes / 6) / 10 }) : stats('days', { count: Math.round(minutes / 144) / 10 });
}
