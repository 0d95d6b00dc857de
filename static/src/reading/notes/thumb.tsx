/** A small picture of an image with what is drawn on it. The server renders the image, the drawings are lines over it. */
import { useEffect, useState } from 'preact/hooks';
import { stack } from '../control/room';
import type { Frame } from '../dicom/instance';
import type { Body, Note } from './model';
import { colours, frameIdOf, hidden, notes } from './store';

export function Thumb({ body, size = 240 }: { body: Body; size?: number }) {
  const [frame, setFrame] = useState<Frame | null>(null);
  const [broken, setBroken] = useState(false);
  const id = frameIdOf(body);
  useEffect(() => {
    let still = true;
    stack(body.series_instance_uid ?? '').then(
      (found) => still && setFrame(found.frames.find((one) => one.id === id) ?? null),
      () => undefined,
    );
    return () => {
      still = false;
    };
  }, [id]);
  const drawn = [...notes.value.values()].filter((one) => !one.deleted && one.body.points && !hidden.value.has(String(one.author.id)) && frameIdOf(one.body) === id);
  const window = body.window ? `&window=${body.window[1]},${body.window[0]},linear` : '';
  return (
    <span class="thumb-image">
      {broken
        ? <span class="thumb-broken" />
        : <img src={`${id}/rendered?viewport=${size},${size}${window}`} alt="" loading="lazy" decoding="async" draggable={false}
            class={body.invert ? 'inverted' : ''} onError={() => setBroken(true)} />}
      {frame && !broken && (
        <svg viewBox={`-0.5 -0.5 ${frame.instance.shape.columns} ${frame.instance.shape.rows}`} preserveAspectRatio="none" aria-hidden="true">
          {drawn.map((one) => <Lines key={one.id} of={one} />)}
        </svg>
      )}
    </span>
  );
}

function Lines({ of }: { of: Note }) {
  const points = of.body.points ?? [];
  const colour = colours.value.get(String(of.author.id)) ?? 'white';
  const [a, b, c, d] = points;
  const line = { stroke: colour, fill: 'none', 'stroke-width': 1.6, 'vector-effect': 'non-scaling-stroke' as const };
  switch (of.body.tool) {
    case 'length': return a && b ? <line x1={a[0]} y1={a[1]} x2={b[0]} y2={b[1]} {...line} /> : null;
    case 'arrow': return a && b ? <g><line x1={a[0]} y1={a[1]} x2={b[0]} y2={b[1]} {...line} /><Dot at={a} colour={colour} /></g> : null;
    case 'angle': return <polyline points={points.map((point) => point.join(',')).join(' ')} {...line} />;
    case 'probe': return a ? <Dot at={a} colour={colour} /> : null;
    case 'rectangle': {
      const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
      const [x, y] = [Math.min(...xs), Math.min(...ys)];
      return <rect x={x} y={y} width={Math.max(...xs) - x} height={Math.max(...ys) - y} {...line} />;
    }
    case 'ellipse': {
      // Its handles: bottom, top, left, right.
      if (!a || !b || !c || !d) return null;
      const centre = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] as const;
      return <ellipse cx={centre[0]} cy={centre[1]} rx={Math.hypot(d[0] - c[0], d[1] - c[1]) / 2} ry={Math.hypot(a[0] - b[0], a[1] - b[1]) / 2} {...line} />;
    }
    default: return null;
  }
}

function Dot({ at, colour }: { at: readonly [number, number]; colour: string }) {
  return <line x1={at[0]} y1={at[1]} x2={at[0] + 0.01} y2={at[1]} stroke={colour} stroke-width={6} stroke-linecap="round" vector-effect="non-scaling-stroke" />;
}
