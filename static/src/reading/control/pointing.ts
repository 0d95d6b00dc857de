/** A pointer for the keyboard: arrows move it over the image, Enter sets a point, and two points are a drag with the tool
 * that is chosen. So measuring, arrows, and every other tool need no mouse. */
import { reading } from '../strings';

type Point = [x: number, y: number];

const STEP = 10; // CSS pixels; with Shift one
const MOVES: Readonly<Record<string, Point>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const DOTS = 'position:absolute;z-index:5;width:15px;height:15px;margin:-8px 0 0 -8px;pointer-events:none;';

let stop: (() => void) | null = null;

/** Begins over this viewport, or ends where it was. `points`: how many the tool takes. */
export function toggle(image: HTMLElement, points: () => number): void {
  if (stop) stop();
  else stop = begin(image, points);
}

function begin(image: HTMLElement, points: () => number): () => void {
  const box = image.getBoundingClientRect();
  const cross = mark(image, `${DOTS}background:linear-gradient(#8cc6ff,#8cc6ff) center/15px 2px no-repeat,linear-gradient(#8cc6ff,#8cc6ff) center/2px 15px no-repeat;filter:drop-shadow(0 0 1px #000);`);
  const said = mark(image, 'position:absolute;z-index:5;left:50%;top:36px;transform:translateX(-50%);max-width:90%;padding:4px 12px;border-radius:6px;background:#000c;color:#ededed;font-size:12px;text-align:center;pointer-events:none;');
  said.setAttribute('role', 'status');
  cross.dataset['testid'] = 'key-pointer';
  let at: Point = [Math.round(box.width / 2), Math.round(box.height / 2)];
  let set: Point[] = [];
  let dots: HTMLElement[] = [];
  const show = (): void => {
    [cross.style.left, cross.style.top] = [`${at[0]}px`, `${at[1]}px`];
    said.textContent = reading('keyPointerHint', { set: set.length, points: points() });
  };
  const forget = (): void => {
    dots.forEach((dot) => dot.remove());
    [set, dots] = [[], []];
  };
  const enter = async (): Promise<void> => {
    set.push(at);
    dots.push(mark(image, `${DOTS}left:${at[0]}px;top:${at[1]}px;border:2px solid #8cc6ff;border-radius:50%;`));
    if (set.length < points()) return;
    const drawn = set;
    forget();
    await draw(image, drawn);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLElement && event.target.matches('input, textarea, select')) return;
    const move = MOVES[event.key];
    if (move && !event.ctrlKey && !event.altKey) {
      const by = event.shiftKey ? 1 : STEP;
      at = [Math.min(Math.max(0, at[0] + move[0] * by), image.clientWidth - 1), Math.min(Math.max(0, at[1] + move[1] * by), image.clientHeight - 1)];
    } else if (event.key === 'Enter') void enter().then(show);
    else if (event.key === 'Escape') end();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (stop) show();
  };
  const end = (): void => {
    stop = null;
    window.removeEventListener('keydown', onKey, true);
    forget();
    cross.remove();
    said.remove();
  };
  window.addEventListener('keydown', onKey, true);
  show();
  return end;
}

function mark(image: HTMLElement, style: string): HTMLElement {
  const made = document.createElement('div');
  made.style.cssText = style;
  image.append(made);
  return made;
}

/** What a hand with a mouse does: one point is a click, two a drag, a third a click after it. */
async function draw(image: HTMLElement, points: readonly Point[]): Promise<void> {
  const canvas = image.querySelector('canvas') ?? image;
  const [first, second, ...more] = points;
  if (!first) return;
  send(canvas, 'mousemove', first, 0);
  await frame();
  send(canvas, 'mousedown', first, 1);
  await frame();
  if (second) {
    for (const part of [0.3, 0.7, 1]) {
      send(canvas, 'mousemove', [first[0] + (second[0] - first[0]) * part, first[1] + (second[1] - first[1]) * part], 1);
      await frame();
    }
  }
  send(canvas, 'mouseup', second ?? first, 0);
  for (const point of more) {
    await frame();
    send(canvas, 'mousemove', point, 0);
    await frame();
    send(canvas, 'mousedown', point, 1);
    await frame();
    send(canvas, 'mouseup', point, 0);
  }
}

function send(canvas: Element, type: string, [x, y]: Point, buttons: number): void {
  const box = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new MouseEvent(type, { bubbles: true, cancelable: true, view: window, clientX: box.left + x, clientY: box.top + y, button: 0, buttons }));
}

const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));
