/** Native frames to sample values (PS3.5 section 8); bits above Bits Stored corrected by sign or cleared. */
import type { Values } from './grey';

export interface Shape {
  rows: number;
  columns: number;
  samples: number;
  bitsAllocated: number;
  bitsStored: number;
  highBit: number;
  signed: boolean;
  kind: 'integer' | 'float' | 'double';
}

/** The samples of one native frame, or null when this layout is better left to the server. */
export function nativeSamples(data: Uint8Array, shape: Shape, bigEndian: boolean): Values | null {
  const count = shape.rows * shape.columns * shape.samples;
  const bytes = shape.bitsAllocated / 8;
  if (![1, 2, 4, 8].includes(bytes) || data.length < count * bytes) return null;
  if (bytes === 1 && bigEndian) return null; // 8-bit samples in OW are swapped in pairs; the server knows the VR
  let part = data.subarray(0, count * bytes);
  if (bytes > 1 && (bigEndian || part.byteOffset % bytes)) part = part.slice();
  if (bytes > 1 && bigEndian) swap(part, bytes);
  const { buffer, byteOffset } = part;
  if (shape.kind === 'float') return bytes === 4 ? new Float32Array(buffer, byteOffset, count) : null;
  if (shape.kind === 'double') return bytes === 8 ? new Float64Array(buffer, byteOffset, count) : null;
  if (bytes === 1) return cleaned(shape.signed ? new Int8Array(buffer, byteOffset, count) : part, shape);
  if (bytes === 2) return cleaned(shape.signed ? new Int16Array(buffer, byteOffset, count) : new Uint16Array(buffer, byteOffset, count), shape);
  if (bytes === 4) return cleaned(shape.signed ? new Int32Array(buffer, byteOffset, count) : new Uint32Array(buffer, byteOffset, count), shape);
  return null;
}

/** One-bit samples, first pixel in the lowest bit (PS3.5 8.1.1); only frames of whole bytes begin at a byte. */
export function oneBitSamples(data: Uint8Array, shape: Shape): Uint8Array | null {
  const count = shape.rows * shape.columns * shape.samples;
  if (count % 8 || data.length * 8 < count) return null;
  const out = new Uint8Array(count);
  for (let i = 0; i < count; i++) out[i] = ((data[i >> 3] as number) >> (i & 7)) & 1;
  return out;
}

function cleaned(values: Values, { bitsAllocated, bitsStored, highBit, signed }: Shape): Values {
  if (bitsStored >= bitsAllocated || bitsStored < 1) return values;
  const shift = highBit + 1 - bitsStored;
  const up = 32 - bitsStored - shift;
  const down = 32 - bitsStored;
  if (up < 0) return values;
  // Most writers leave these bits right already; then the frame need not be copied.
  const right = (value: number): number => (signed ? (value << up) >> down : (value << up) >>> down);
  for (let i = 0; i < values.length; i++) {
    if (right(values[i] as number) !== values[i]) {
      const out = values.slice();
      for (let j = i; j < out.length; j++) out[j] = right(values[j] as number);
      return out;
    }
  }
  return values;
}

function swap(data: Uint8Array, bytes: number): void {
  for (let i = 0; i + bytes <= data.length; i += bytes) data.subarray(i, i + bytes).reverse();
}
