/** Colour spaces of PS3.3 C.7.6.3.1.2 to RGB by pixel, and palettes (C.7.6.3.1.5, C.7.9). */
import type { Values } from './grey';

export interface Palette {
  first: number;
  bits: number;
  /** Three tables of 8-bit values, equally long. */
  tables: readonly [Uint8Array, Uint8Array, Uint8Array];
}

export function throughPalette(indices: Values, palette: Palette): Uint8Array {
  const [red, green, blue] = palette.tables;
  const last = Math.min(red.length, green.length, blue.length) - 1;
  const out = new Uint8Array(indices.length * 3);
  for (let i = 0; i < indices.length; i++) {
    const entry = Math.min(Math.max((indices[i] as number) - palette.first, 0), last);
    out[i * 3] = red[entry] as number;
    out[i * 3 + 1] = green[entry] as number;
    out[i * 3 + 2] = blue[entry] as number;
  }
  return out;
}

/** Palette entries to 8 bits: 16-bit tables by their high byte, unless a writer filled only the low one. */
export function paletteTable(words: ArrayLike<number>, bits: number, segmented: boolean): Uint8Array {
  let most = 0;
  for (let i = 0; i < words.length; i++) most = Math.max(most, words[i] as number);
  const shift = bits === 16 && (segmented || most > 255) ? 8 : 0;
  return Uint8Array.from({ length: words.length }, (_, i) => (words[i] as number) >> shift);
}

/** Discrete, linear and indirect segments (PS3.3 C.7.9.2). */
export function expanded(words: ArrayLike<number>, entries: number): number[] {
  const out: number[] = [];
  const run = (from: number, to: number, most: number): void => {
    let at = from;
    for (let left = most; at + 1 < to && left !== 0; left--) {
      const kind = words[at] as number;
      const count = words[at + 1] as number;
      if (kind === 0) {
        for (let i = 0; i < count; i++) out.push(words[at + 2 + i] as number);
        at += 2 + count;
      } else if (kind === 1) {
        const start = out[out.length - 1];
        if (start === undefined) throw new Error('palette begins with a line');
        const stop = words[at + 2] as number;
        for (let i = 1; i <= count; i++) out.push(Math.floor(start + ((stop - start) * i) / count));
        at += 3;
      } else if (kind === 2 && most < 0) {
        run((words[at + 2] as number) | ((words[at + 3] as number) << 16), words.length, count);
        at += 4;
      } else {
        throw new Error('unknown palette segment');
      }
      if (out.length > 65536) throw new Error('palette too long');
    }
  };
  run(0, words.length, -1);
  return out.slice(0, entries);
}

/** Samples by plane to samples by pixel. */
export function byPixel<T extends Values>(planes: T, pixels: number): T {
  const out = planes.slice() as T;
  for (let i = 0; i < pixels; i++) {
    for (let s = 0; s < 3; s++) out[i * 3 + s] = planes[s * pixels + i] as number;
  }
  return out;
}

/** YBR_FULL, or YBR_PARTIAL with its head and foot room (CCIR 601), to RGB; both 8 bits. */
export function ybrToRgb(ybr: ArrayLike<number>, partial: boolean): Uint8Array {
  const out = new Uint8Array(ybr.length);
  for (let i = 0; i + 2 < ybr.length; i += 3) {
    let y = ybr[i] as number;
    let b = (ybr[i + 1] as number) - 128;
    let r = (ybr[i + 2] as number) - 128;
    if (partial) {
      y = (y - 16) * (255 / 219);
      b *= 255 / 224;
      r *= 255 / 224;
    }
    out[i] = eight(y + 1.402 * r);
    out[i + 1] = eight(y - 0.344136 * b - 0.714136 * r);
    out[i + 2] = eight(y + 1.772 * b);
  }
  return out;
}

/** Horizontally subsampled Y1 Y2 Cb Cr to one triple for each pixel. */
export function from422(data: Uint8Array, pixels: number): Uint8Array {
  const out = new Uint8Array(pixels * 3);
  for (let i = 0, at = 0; i + 1 < pixels; i += 2, at += 4) {
    out[i * 3] = data[at] as number;
    out[i * 3 + 3] = data[at + 1] as number;
    out[i * 3 + 1] = out[i * 3 + 4] = data[at + 2] as number;
    out[i * 3 + 2] = out[i * 3 + 5] = data[at + 3] as number;
  }
  return out;
}

/** Colour samples of any depth to 8 bits. */
export function eightBits(samples: Values, bitsStored: number): Uint8Array {
  if (samples instanceof Uint8Array && bitsStored === 8) return samples;
  const top = 2 ** bitsStored - 1;
  const out = new Uint8Array(samples.length);
  for (let i = 0; i < samples.length; i++) out[i] = eight(((samples[i] as number) / top) * 255);
  return out;
}

function eight(value: number): number {
  const rounded = Math.floor(value + 0.5);
  return rounded < 0 ? 0 : rounded > 255 ? 255 : rounded;
}
