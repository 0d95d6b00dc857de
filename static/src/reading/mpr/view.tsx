/** The three planes on the page: what they show, the lines where they cut, and what a mouse or finger does on them. */
import './mpr.css';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { number } from '../../common/i18n';
import { closeMpr, mpr } from '../control/mpr';
import { active, loads, overlays, panes, screen, study, theViewer } from '../control/room';
import { text } from '../dicom/json';
import { letters } from '../dicom/orientation';
import { windowText } from '../panels/overlay';
import { live } from '../slots';
import { reading } from '../strings';
import { planes } from './strings';
import { draw, fillingOf, type Filling } from './drawing';
import { ALL, AXIAL, dot, lineOf, plus, screenOf, turned, type Point, type Which } from './geometry';
import { move, step, zoom } from './index';
import { onScreen, place, placeUnder, scaleOf, sizes } from './screens';

const NAMES = ['planeAxial', 'planeCoronal', 'planeSagittal'] as const;
const HANDLE = 0.36; // of the shorter side, from the cross-hair

export function View() {
  const now = mpr.value;
  const [volume, count] = [now?.volume, loads.value];
  const filling = useMemo(() => (volume ? fillingOf(volume, theViewer()) : null), [volume, count]);
  if (!now || !filling) return null;
  return (
    <div class="mpr" data-testid="mpr" data-here={filling.here} data-count={now.volume.frames.length}>
      {ALL.map((which) => <Plane key={which} which={which} filling={filling} />)}
      <button type="button" class="button mpr-close" onClick={closeMpr} data-testid="mpr-close">{planes('mprClose')}</button>
    </div>
  );
}

function Plane({ which, filling }: { which: Which; filling: Filling }) {
  const root = useRef<HTMLElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const now = mpr.value;
  const view = panes[active.value]?.value.view ?? null;
  const size = sizes.value[which] ?? [0, 0];
  useEffect(() => {
    place(which, root.current);
    return () => place(which, null);
  }, [which]);
  useEffect(() => {
    const element = root.current;
    if (!element) return;
    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      if (event.ctrlKey) zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
      else if (event.deltaY) step(which, event.deltaY < 0 ? 1 : -1);
    };
    element.addEventListener('wheel', wheel, { passive: false });
    return () => element.removeEventListener('wheel', wheel);
  }, [which]);
  useEffect(() => {
    const request = requestAnimationFrame(() => {
      if (canvas.current && now) draw(canvas.current, now.volume, filling, now.planes, which, size, view);
    });
    return () => cancelAnimationFrame(request);
  });
  if (!now) return null;
  const Live = live.value;
  const { right, down } = screenOf(now.planes, which);
  const [frame] = now.volume.frames;
  const own = frame?.instance.study === study.value?.StudyInstanceUID ? study.value : null; // another case may stand beside
  return (
    <section class={`mpr-plane plane-${which}${now.active === which ? ' current' : ''}`} ref={root} aria-label={planes(NAMES[which])} data-testid={`plane-${which}`}
      onContextMenu={(event) => event.preventDefault()} onPointerDown={(event) => grasp(event, which)}>
      <canvas ref={canvas} />
      <Lines which={which} />
      {overlays.value && (
        <div class="overlay" aria-hidden="true">
          <div class="corner tl">
            <span class="strong mpr-name"><i />{planes(NAMES[which])}</span>
            {which === AXIAL && frame && <><span>{own?.PatientName ?? theViewer()?.nameOf(frame)}</span><span class="minor">{own?.PatientID ?? text(frame.instance.dataset, '00100020')}</span></>}
          </div>
          <div class="corner bl">
            <span data-testid={`plane-place-${which}`}>{reading('position')} {number(dot(now.planes.centre, screenOf(now.planes, which).normal), { maximumFractionDigits: 1, minimumFractionDigits: 1 })} mm</span>
            {which === AXIAL && view && <span>{windowText(view)}</span>}
          </div>
          <span class="letter right-letter">{letters(right)}</span><span class="letter left-letter">{letters(right.map((one) => -one))}</span>
          <span class="letter bottom-letter">{letters(down)}</span><span class="letter top-letter">{letters(down.map((one) => -one))}</span>
        </div>
      )}
      <Quality which={which} filling={filling} />
      {Live && <Live.Plane which={which} />}
    </section>
  );
}

/** What is reconstructed is never the image itself; what is missing or only a preview is said as well. */
function Quality({ which, filling }: { which: Which; filling: Filling }) {
  const count = mpr.value?.volume.frames.length ?? 0;
  const missing = filling.here < count;
  const preview = filling.source === 'preview';
  const text = missing ? planes('mprHere', { here: filling.here, count }) : preview ? planes('mprPreview') : planes(filling.source === 'lossy' ? 'mprLossy' : 'mprMade');
  return (
    <span class={`badge${missing ? ' loading' : preview || filling.source === 'lossy' ? ' preview' : ''}`} title={planes('mprMadeTip')} data-testid={`plane-quality-${which}`}
      data-quality={missing ? 'loading' : (filling.source ?? 'loading')}><i>{missing ? '○' : '◇'}</i>{text}</span>
  );
}

/** The cross-hair: where the other two planes cut, and handles that turn them. */
function Lines({ which }: { which: Which }) {
  const now = mpr.value;
  const [width = 0, height = 0] = sizes.value[which] ?? [];
  const at = now && onScreen(which, now.planes.centre);
  if (!now || !at || !width) return null;
  const far = width + height;
  const near = Math.min(width, height) * HANDLE;
  return (
    <svg class="mpr-lines" width={width} height={height} aria-hidden="true" data-testid={`plane-lines-${which}`} data-x={Math.round(at.x)} data-y={Math.round(at.y)}>
      {ALL.filter((one) => one !== which).map((other) => {
        const [x, y] = lineOf(now.planes, which, other);
        return (
          <g key={other} class={`line-${other}`}>
            <line x1={at.x - x * far} y1={at.y - y * far} x2={at.x - x * 14} y2={at.y - y * 14} />
            <line x1={at.x + x * 14} y1={at.y + y * 14} x2={at.x + x * far} y2={at.y + y * far} />
            {[-1, 1].map((end) => (
              <g key={end} class="mpr-handle" data-handle="true" data-testid={`plane-handle-${which}`}>
                <circle class="hit" cx={at.x + x * near * end} cy={at.y + y * near * end} r="16" />
                <circle cx={at.x + x * near * end} cy={at.y + y * near * end} r="4.5" />
              </g>
            ))}
          </g>
        );
      })}
    </svg>
  );
}

/** The left button or a finger sets the cross-hair, or turns the planes by a handle; the right one sets the window, the middle
 * one moves the picture. */
function grasp(event: PointerEvent, which: Which): void {
  const now = mpr.peek();
  const element = event.currentTarget as HTMLElement;
  if (!now || (event.target instanceof Element && event.target.closest('.live-catch, button'))) return;
  event.preventDefault();
  move(now.planes, which);
  const turning = event.target instanceof Element && event.target.closest('[data-handle]') !== null;
  let [x, y] = [event.clientX, event.clientY];
  const drag = (to: PointerEvent): void => {
    const here = mpr.peek();
    if (!here) return;
    const [dx, dy] = [to.clientX - x, to.clientY - y];
    if (event.button === 2) screen()?.drag(dx, dy);
    else if (event.button === 1) move({ ...here.planes, look: panned(which, dx, dy) });
    else if (turning) move(turned(here.planes, which, angle(which, element, to.clientX, to.clientY) - angle(which, element, x, y)));
    else set(which, to.clientX, to.clientY);
    [x, y] = [to.clientX, to.clientY];
  };
  const over = (): void => {
    element.removeEventListener('pointermove', drag);
    for (const end of ['pointerup', 'pointercancel'] as const) element.removeEventListener(end, over);
  };
  element.setPointerCapture(event.pointerId);
  element.addEventListener('pointermove', drag);
  for (const end of ['pointerup', 'pointercancel'] as const) element.addEventListener(end, over);
  if (event.button === 0 && !turning) set(which, x, y);
}

function set(which: Which, clientX: number, clientY: number): void {
  const [now, at] = [mpr.peek(), placeUnder(which, clientX, clientY)];
  if (now && at) move({ ...now.planes, centre: at }, which);
}

function panned(which: Which, dx: number, dy: number): Point {
  const now = mpr.peek();
  if (!now) return [0, 0, 0];
  const { right, down } = screenOf(now.planes, which);
  const mm = scaleOf(which);
  return plus(plus(now.planes.look, right, -dx * mm), down, -dy * mm);
}

function angle(which: Which, element: HTMLElement, clientX: number, clientY: number): number {
  const now = mpr.peek();
  const at = now && onScreen(which, now.planes.centre);
  const box = element.getBoundingClientRect();
  return at ? Math.atan2(clientY - box.top - at.y, clientX - box.left - at.x) : 0;
}

