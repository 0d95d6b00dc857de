/** The greys of a plane, by the same stage as those of the images themselves. */
import type { Viewer, View } from '../viewport';
import { toGreys, type Voi } from '../pixels/grey';
import type { Picture } from '../pixels/picture';
import { middleOf, sampled, screenOf, type Planes, type Slice, type Volume, type Which } from './geometry';

/** More are not made; the browser makes the picture as large as its screen. */
const MOST = 560;

/** What is in memory of a volume, and how good it is. */
export interface Filling {
  slices: readonly (Slice | null)[];
  here: number;
  source: Picture['source'] | null;
  voi: Voi | null;
  inverted: boolean;
}

const RANK: readonly (Picture['source'] | null)[] = [null, 'original', 'lossy', 'preview', 'server'];

/** Slices of the volume that are here; the worst of them says how good it is. */
export function fillingOf(volume: Volume, viewer: Viewer | null): Filling {
  let [here, rank] = [0, 0];
  let first: Picture | null = null;
  const slices = volume.frames.map((frame): Slice | null => {
    const picture = viewer?.picture(frame);
    const grid = picture?.grid;
    if (!picture || !grid || picture.rows !== volume.size[1] || picture.columns !== volume.size[0]) return null;
    here += 1;
    first ??= picture;
    rank = Math.max(rank, RANK.indexOf(picture.source));
    return grid;
  });
  const shown = first as Picture | null;
  return { slices, here, source: RANK[rank] ?? null, voi: shown?.choices[0]?.voi ?? null, inverted: shown?.frame.instance.inverted ?? false };
}

export function draw(
  canvas: HTMLCanvasElement, volume: Volume, filling: Filling, planes: Planes, which: Which, size: readonly [number, number], view: View | null,
): void {
  const [wide, high] = size;
  const voi = view?.voi ?? filling.voi;
  const context = canvas.getContext('2d', { alpha: false });
  if (!wide || !high || !voi || !context) return;
  const scale = Math.min(1, MOST / Math.max(wide, high));
  const [width, height] = [Math.max(1, Math.round(wide * scale)), Math.max(1, Math.round(high * scale))];
  const { right, down } = screenOf(planes, which);
  const middle = middleOf(planes, which);
  const asked = [filling, voi, view?.invert, width, height, planes.extent, ...middle, ...right, ...down];
  const before = drawn.get(canvas);
  if (before && asked.every((one, n) => one === before[n])) return;
  drawn.set(canvas, asked);
  const { values, greys, picture } = buffers(width, height);
  sampled(volume, filling.slices, middle, right, down, planes.extent / (Math.min(wide, high) * scale), width, height, values);
  toGreys({ values, min: 0, max: 0, padding: null }, voi, filling.inverted !== (view?.invert ?? false), greys);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let at = 0; at < greys.length; at++) pixels[at] = 0xff000000 | ((greys[at] as number) * 0x010101);
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  context.putImageData(picture, 0, 0);
}

/** What each canvas shows: a plane that moves in itself need not be made again. */
const drawn = new WeakMap<HTMLCanvasElement, readonly unknown[]>();

interface Buffers {
  values: Float32Array;
  greys: Uint8Array;
  picture: ImageData;
}
const made = new Map<string, Buffers>();

/** One set for each size: what is drawn is copied into its canvas at once. */
function buffers(width: number, height: number): Buffers {
  const key = `${width}×${height}`;
  let found = made.get(key);
  if (!found) {
    if (made.size > 5) made.clear();
    found = { values: new Float32Array(width * height), greys: new Uint8Array(width * height), picture: new ImageData(width, height) };
    made.set(key, found);
  }
  return found;
}
