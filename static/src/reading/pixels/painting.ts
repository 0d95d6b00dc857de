/** What of a picture is seen: 8-bit greys through its window, or colours. */
import { toGreys, type Voi } from './grey';
import type { Picture } from './picture';

/** Into one sample a pixel for greys, three for colours; without `voi` as the instance itself wants to be seen. */
export function paintInto(out: Uint8Array, { grid, rgb, choices, frame }: Picture, voi: Voi | null, invert: boolean): void {
  const shown = voi ?? choices[0]?.voi;
  if (grid && shown) {
    toGreys(grid, shown, frame.instance.inverted !== invert, out);
  } else if (rgb) {
    if (invert) for (let i = 0; i < out.length; i++) out[i] = 255 - (rgb[i] as number);
    else out.set(rgb);
  }
}

/** The same as the pixels of a canvas, not inverted. */
export function canvasPixels(picture: Picture): ImageData {
  const { rows, columns, rgb } = picture;
  const step = rgb ? 3 : 1;
  const samples = new Uint8Array(rows * columns * step);
  paintInto(samples, picture, null, false);
  const pixels = new ImageData(columns, rows);
  for (let i = 0, j = 0; i < pixels.data.length; i += 4, j += step) {
    pixels.data[i] = samples[j] as number;
    pixels.data[i + 1] = samples[rgb ? j + 1 : j] as number;
    pixels.data[i + 2] = samples[rgb ? j + 2 : j] as number;
    pixels.data[i + 3] = 255;
  }
  return pixels;
}
