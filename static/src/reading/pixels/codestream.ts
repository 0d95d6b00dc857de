/** What a compressed frame says of itself, to be compared with the header before a codec is believed. */

export interface Codestream {
  precision: number;
  /** JPEG 2000 only. */
  signed: boolean | null;
  /** JPEG with three components: whether its markers say that they are luminance and colour differences. */
  ybr: boolean | null;
}

export function readCodestream(data: Uint8Array): Codestream | null {
  const start = data[0] === 0xff ? 0 : boxed(data);
  if (start < 0) return null;
  if (data[start + 1] === 0x4f) return j2k(data, start);
  return data[start + 1] === 0xd8 ? jpeg(data, start) : null;
}

/** SIZ follows SOC directly (ITU-T T.800 A.5.1). */
function j2k(data: Uint8Array, start: number): Codestream | null {
  const siz = start + 2;
  if (data[siz] !== 0xff || data[siz + 1] !== 0x51) return null;
  const depth = data[siz + 40];
  return depth === undefined ? null : { precision: (depth & 0x7f) + 1, signed: depth > 127, ybr: null };
}

/** Markers up to the frame header (ITU-T T.81 B.2). */
function jpeg(data: Uint8Array, start: number): Codestream | null {
  let ybr: boolean | null = null;
  for (let at = start + 2; at + 9 < data.length && data[at] === 0xff; ) {
    const marker = data[at + 1] as number;
    const length = ((data[at + 2] as number) << 8) | (data[at + 3] as number);
    if (marker === 0xe0) ybr = true;
    if (marker === 0xee && length >= 14) ybr = data[at + 15] === 1;
    const frame = marker === 0xf7 || (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker));
    if (frame) return { precision: data[at + 4] as number, signed: null, ybr };
    at += 2 + length;
  }
  return null;
}

/** A JP2 file around the codestream, which some writers leave. */
function boxed(data: Uint8Array): number {
  for (let i = 0; i + 4 < Math.min(data.length, 512); i++) {
    if (data[i] === 0xff && data[i + 1] === 0x4f && data[i + 2] === 0xff && data[i + 3] === 0x51) return i;
  }
  return -1;
}
