/** Small charts of our own: bars by month, bars of times, and one bar in shares. Numbers stand beside every shape. */
import { number } from '../../common/i18n';

export interface Pair {
  label: string;
  first: number;
  second: number;
}

const WIDE = 720;
const HIGH = 180;
const FOOT = 22;
const HEAD = 16;

/** Two bars for each label, side by side. */
export function Columns({ name, pairs }: { name: string; pairs: Pair[] }) {
  const most = Math.max(1, ...pairs.flatMap(({ first, second }) => [first, second]));
  const step = WIDE / pairs.length;
  const width = Math.min(26, step / 2 - 5);
  const high = (value: number): number => ((HIGH - FOOT - HEAD) * value) / most;
  return (
    <svg class="chart" viewBox={`0 0 ${WIDE} ${HIGH}`} role="img" aria-label={name}>
      <line class="chart-axis" x1="0" x2={WIDE} y1={HIGH - FOOT} y2={HIGH - FOOT} />
      {pairs.map(({ label, first, second }, at) => {
        const middle = (at + 0.5) * step;
        return (
          <g key={label}>
            {([[first, -width - 1, 'chart-a'], [second, 1, 'chart-b']] as const).map(([value, off, kind]) => value > 0 && (
              <g key={kind}>
                <rect class={kind} x={middle + off} y={HIGH - FOOT - high(value)} width={width} height={high(value)} rx="2" />
                <text class="chart-number" x={middle + off + width / 2} y={HIGH - FOOT - high(value) - 4}>{number(value)}</text>
              </g>
            ))}
            <text class="chart-label" x={middle} y={HIGH - 6}>{label}</text>
          </g>
        );
      })}
    </svg>
  );
}

/** For each label a bar to `first` and a thinner one to `second`, with words at its end. */
export function Times({ name, rows }: { name: string; rows: (Pair & { said: string })[] }) {
  const most = Math.max(1, ...rows.map(({ second }) => second));
  const line = 34;
  const left = 240;
  const right = 170;
  const long = (value: number): number => ((WIDE - left - right) * value) / most;
  return (
    <svg class="chart" viewBox={`0 0 ${WIDE} ${rows.length * line + 4}`} role="img" aria-label={name}>
      {rows.map(({ label, first, second, said }, at) => (
        <g key={label} transform={`translate(0 ${at * line})`}>
          <text class="chart-name" x={left - 10} y="21"><title>{label}</title>{label.length > 34 ? `${label.slice(0, 33)}…` : label}</text>
          <rect class="chart-soft" x={left} y="13" width={Math.max(2, long(second))} height="8" rx="2" />
          <rect class="chart-a" x={left} y="9" width={Math.max(2, long(first))} height="16" rx="2" />
          <text class="chart-said" x={left + Math.max(2, long(second)) + 8} y="21">{said}</text>
        </g>
      ))}
    </svg>
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
