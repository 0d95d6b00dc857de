/** Three planes through a series; this folder is loaded when somebody asks for them. */
import { batch, effect } from '@preact/signals';
import type { Command } from '../control/keyboard';
import { mpr } from '../control/mpr';
import { active, panes, screen, stacks } from '../control/room';
import { AXIAL, inside, nearest, planesOf, plus, screenOf, stepOf, volumeOf, type Planes, type Point, type Which } from './geometry';

export { View } from './view';

const CLOSEST = 8; // millimetres of a screen's shorter side
let stop: (() => void) | null = null;

/** Opens them where the image that is shown lies; false when the images make no volume. */
export function begin(series: string, planes?: Planes): boolean {
  const frames = stacks.peek().get(series)?.frames ?? [];
  const volume = volumeOf(frames);
  if (!volume) return false;
  const shown = panes[active.peek()]?.peek().view?.frame;
  const index = shown ? volume.frames.indexOf(shown) : -1;
  const at: Point = index < 0 ? volume.centre : plus(volume.centre, volume.steps[2], index - (volume.size[2] - 1) / 2);
  mpr.value = { series, volume, planes: planes ?? planesOf(volume, at), active: AXIAL };
  stop?.();
  stop = effect(() => watch(series));
  return true;
}

/** More images have come, or another series was put into the viewport. */
function watch(series: string): void {
  const frames = stacks.value.get(series)?.frames;
  const [now, shown] = [mpr.peek(), panes[active.value]?.value.series];
  if (!now) return;
  if (shown !== series) close();
  else if (frames && frames !== now.volume.frames) {
    const volume = volumeOf(frames);
    if (volume) mpr.value = { ...now, volume };
    else close();
  }
}

function close(): void {
  stop?.();
  stop = null;
  mpr.value = null;
}

/** Closes them; the image that is nearest to the cross-hair is shown. */
export function end(): void {
  const now = mpr.peek();
  if (!now) return;
  const { index } = nearest(now.volume, now.planes.centre);
  batch(close);
  screen()?.go(index);
}

export function move(planes: Planes, which?: Which): void {
  const now = mpr.peek();
  if (now) mpr.value = { ...now, planes: { ...planes, centre: inside(now.volume, planes.centre) }, active: which ?? now.active };
}

/** The cross-hair goes some slices along the normal of a plane. */
export function step(which: Which, by: number): void {
  const now = mpr.peek();
  if (!now) return;
  const { normal } = screenOf(now.planes, which);
  move({ ...now.planes, centre: plus(now.planes.centre, normal, by * stepOf(now.volume, normal)) }, which);
}

/** Larger or smaller; the cross-hair stays where it is. */
export function zoom(factor: number): void {
  const now = mpr.peek();
  if (!now) return;
  const extent = Math.min(now.volume.extent * 2, Math.max(CLOSEST, now.planes.extent / factor));
  const by = extent / now.planes.extent;
  const { centre, look } = now.planes;
  move({ ...now.planes, extent, look: plus(centre, plus(look, centre, -1), by) });
}

/** What keys and buttons do while the planes are shown; false: what they always do. */
export function perform(command: Command): boolean {
  const now = mpr.peek();
  if (!now) return false;
  switch (command.do) {
    case 'image': step(now.active, -command.by); return true;
    case 'nextPane': move(now.planes, ((now.active + 1) % 3) as Which); return true;
    case 'previousPane': move(now.planes, ((now.active + 2) % 3) as Which); return true;
    case 'zoomIn': zoom(1.25); return true;
    case 'zoomOut': zoom(0.8); return true;
    case 'fit': case 'reset':
      if (command.do === 'reset') screen()?.reset();
      mpr.value = { ...now, planes: planesOf(now.volume, now.planes.centre) };
      return true;
    case 'cancel': end(); return true;
    // What works on one image only.
    case 'first': case 'last': case 'rotateLeft': case 'rotateRight': case 'flipHorizontal': case 'flipVertical': case 'cine': case 'oneUp':
    case 'delete': case 'undo': case 'redo': case 'keyImage':
      return true;
    default: return false;
  }
}
