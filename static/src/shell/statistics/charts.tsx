/** Small charts of our own: bars by month, bars of times, and one bar in shares. Numbers stand beside every shape. */
import { number } from '../../common/i18n';

export interface Pair {
  label: string;
  first: number;
  second: number;
}

const WIDE = 720;
const percent = (value: number, most: number): string => `${Math.max(0.5, (100 * value) / most)}%`;

/** Two bars for each label, side by side. */
export function Columns({ name, pairs }: { name: string; pairs: Pair[] }) {
  const most = Math.max(1, ...pairs.flatMap(({ first, second }) => [first, second]));
  return (
    <ul class="columns" aria-label={name}>
      {pairs.map(({ label, first, second }) => (
        <li key={label}>
          <div class="columns-bars">
            {([[first, 'chart-a'], [second, 'chart-b']] as const).map(([value, kind]) => (
              <div key={kind}>{value > 0 && <><span>{number(value)}</span><i class={kind} style={{ height: percent(value, most) }} /></>}</div>
            ))}
          </div>
          <span class="columns-label">{label}</span>
        </li>
      ))}
    </ul>
  );
}

/** For each label a bar to `first` and a thinner one to `second`, with words at its end. */
export function Times({ name, rows }: { name: string; rows: (Pair & { said: string })[] }) {
  const most = Math.max(1, ...rows.map(({ second }) => second));
  return (
    <ul class="times" aria-label={name}>
      {rows.map(({ label, first, second, said }) => (
        <li key={label}>
          <span>{label}</span>
          <span class="times-said">{said}</span>
          <div class="times-bars" aria-hidden="true">
            <i class="chart-soft" style={{ width: percent(second, most) }} />
            <i class="chart-a" style={{ width: percent(first, most) }} />
          </div>
        </li>
      ))}
    </ul>
  );
}

/** One bar divided by shares. */
export function Shares({ name, parts }: { name: string; parts: { label: string; count: number; kind: string }[] }) {
  const all = parts.reduce((sum, { count }) => sum + count, 0);
  let at = 0;
  return (
    <div>
      <svg class="chart" viewBox={`0 0 ${WIDE} 22`} role="img" aria-label={name} preserveAspectRatio="none">
        {all === 0 && <rect class="chart-soft" width={WIDE} height="22" rx="4" />}
        {parts.map(({ label, count, kind }) => {
          const x = at;
          at += all ? (WIDE * count) / all : 0;
          return count > 0 && <rect key={label} class={kind} x={x} y="0" width={at - x} height="22" />;
        })}
      </svg>
      <ul class="chart-legend">
        {parts.map(({ label, count, kind }) => <li key={label}><span class={`chart-key ${kind}`} aria-hidden="true" />{label} <strong>{number(count)}</strong></li>)}
      </ul>
    </div>
  );
}
