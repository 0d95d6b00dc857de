/** Fingers, mouse and wheel on the picture: one finger goes through slices (or moves what is magnified), two magnify. */

export interface View {
  scale: number;
  x: number;
  y: number;
}

export const FIT: View = { scale: 1, x: 0, y: 0 };
const MOST = 8;
const TAP_MS = 300;
const TAP_PIXELS = 24;

export interface Hands {
  view: () => View;
  look: (view: View) => void;
  /** So many slices on; `pixels` of movement for one are for the caller to say. */
  step: (slices: number) => void;
  pixelsPerSlice: () => number;
}

/** A view whose magnification changed around a point, measured from the middle of the stage. */
export function zoomed(view: View, factor: number, x: number, y: number): View {
  const scale = Math.min(MOST, Math.max(1, view.scale * factor));
  if (scale === 1) return FIT;
  const real = scale / view.scale;
  return { scale, x: x - (x - view.x) * real, y: y - (y - view.y) * real };
}

/** Keeps at least half of the picture on the stage. */
export function kept(view: View, width: number, height: number): View {
  const most = (side: number): number => (side * view.scale) / 2;
  const within = (value: number, bound: number): number => Math.max(-bound, Math.min(bound, value));
  return { scale: view.scale, x: within(view.x, most(width)), y: within(view.y, most(height)) };
}

/** Listens on the stage until the function it gives back is called. */
export function listen(stage: HTMLElement, hands: Hands): () => void {
  const fingers = new Map<number, { x: number; y: number }>();
  let travelled = 0;
  let rest = 0;
  let tapped = { at: 0, x: 0, y: 0 };

  const middle = (event: { clientX: number; clientY: number }): [number, number] => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  };
  const look = (view: View): void => {
    const box = stage.getBoundingClientRect();
    hands.look(kept(view, box.width, box.height));
  };
  const slices = (pixels: number): void => {
    rest += pixels / hands.pixelsPerSlice();
    const whole = Math.trunc(rest);
    rest -= whole;
    if (whole) hands.step(whole);
  };
  const down = (event: PointerEvent): void => {
    if (event.pointerType === 'mouse' && event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 1) travelled = rest = 0;
  };
  const move = (event: PointerEvent): void => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const dx = now.x - before.x;
    const dy = now.y - before.y;
    travelled += Math.abs(dx) + Math.abs(dy);
    if (fingers.size === 1) {
      if (hands.view().scale > 1) look({ ...hands.view(), x: hands.view().x + dx, y: hands.view().y + dy });
      else slices(dy);
    } else if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1] ?? before;
      const apart = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      const [x, y] = middle({ clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 });
      const view = zoomed(hands.view(), apart, x, y);
      look(view.scale > 1 ? { ...view, x: view.x + dx / 2, y: view.y + dy / 2 } : view);
    }
    fingers.set(event.pointerId, now);
  };
  const up = (event: PointerEvent): void => {
    if (!fingers.delete(event.pointerId) || fingers.size || travelled > TAP_PIXELS) return;
    const twice = event.timeStamp - tapped.at < TAP_MS && Math.hypot(event.clientX - tapped.x, event.clientY - tapped.y) < TAP_PIXELS * 2;
    tapped = { at: twice ? 0 : event.timeStamp, x: event.clientX, y: event.clientY };
    if (!twice) return;
    const [x, y] = middle(event);
    look(hands.view().scale > 1 ? FIT : zoomed(FIT, 2.5, x, y));
  };
  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    if (event.ctrlKey) {
      const [x, y] = middle(event);
      look(zoomed(hands.view(), Math.exp(-event.deltaY / 200), x, y));
    } else {
      // A notch of a wheel is one slice; a touchpad's small steps add up.
      slices(event.deltaMode === 0 && Math.abs(event.deltaY) < 40 ? (event.deltaY / 40) * hands.pixelsPerSlice() : Math.sign(event.deltaY) * hands.pixelsPerSlice());
    }
  };
  stage.addEventListener('pointerdown', down);
  stage.addEventListener('pointermove', move);
  stage.addEventListener('pointerup', up);
  stage.addEventListener('pointercancel', up);
  stage.addEventListener('wheel', wheel, { passive: false });
  return () => {
    stage.removeEventListener('pointerdown', down);
    stage.removeEventListener('pointermove', move);
    stage.removeEventListener('pointerup', up);
    stage.removeEventListener('pointercancel', up);
    stage.removeEventListener('wheel', wheel);
  };
}
