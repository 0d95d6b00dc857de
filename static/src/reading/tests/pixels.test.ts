import { describe, expect, it } from 'vitest';
import { firstPart } from '../dicom/multipart';
import { isLossy } from '../dicom/syntaxes';
import { readCodestream } from '../pixels/codestream';
import { byPixel, expanded, from422, paletteTable, throughPalette, ybrToRgb } from '../pixels/colour';
import { nativeSamples, oneBitSamples, type Shape } from '../pixels/native';

const shape = (changes: Partial<Shape> = {}): Shape => ({
  rows: 1, columns: 2, samples: 1, bitsAllocated: 16, bitsStored: 12, highBit: 11, signed: false, kind: 'integer', ...changes,
});

describe('native frames', () => {
  it('clears bits above Bits Stored', () => {
    expect([...(nativeSamples(Uint8Array.of(0xff, 0xff, 1, 0), shape(), false) ?? [])]).toEqual([4095, 1]);
  });

  it('keeps the sign', () => {
    expect([...(nativeSamples(Uint8Array.of(0xff, 0x0f, 1, 0), shape({ signed: true }), false) ?? [])]).toEqual([-1, 1]);
  });

  it('reads big endian, and from an odd place in the body', () => {
    expect([...(nativeSamples(Uint8Array.of(1, 2, 3, 4), shape({ bitsStored: 16, highBit: 15 }), true) ?? [])]).toEqual([0x102, 0x304]);
    expect([...(nativeSamples(Uint8Array.of(9, 1, 0, 2, 0).subarray(1), shape(), false) ?? [])]).toEqual([1, 2]);
  });

  it('leaves short and packed frames to the server', () => {
    expect(nativeSamples(new Uint8Array(3), shape(), false)).toBeNull();
    expect(nativeSamples(new Uint8Array(3), shape({ bitsAllocated: 12 }), false)).toBeNull();
    expect(oneBitSamples(new Uint8Array(2), shape({ columns: 9, bitsAllocated: 1 }))).toBeNull();
  });

  it('unpacks one-bit frames from the lowest bit', () => {
    expect([...(oneBitSamples(Uint8Array.of(0b101), shape({ columns: 8, bitsAllocated: 1 })) ?? [])]).toEqual([1, 0, 1, 0, 0, 0, 0, 0]);
  });
});

describe('colour', () => {
  it('knows white, black and red in YBR_FULL', () => {
    expect([...ybrToRgb([255, 128, 128, 0, 128, 128, 76, 85, 255], false)]).toEqual([255, 255, 255, 0, 0, 0, 254, 0, 0]);
  });

  it('puts planes together and spreads 4:2:2', () => {
    expect([...byPixel(Uint8Array.of(1, 2, 3, 4, 5, 6), 2)]).toEqual([1, 3, 5, 2, 4, 6]);
    expect([...from422(Uint8Array.of(10, 20, 30, 40), 2)]).toEqual([10, 30, 40, 20, 30, 40]);
  });

  it('reads palettes, with the first value mapped and by their high byte', () => {
    const red = paletteTable([0, 0x8000, 0xff00], 16, false);
    const found = throughPalette(Uint8Array.of(0, 5, 6, 99), { first: 4, bits: 16, tables: [red, red, red] });
    expect([...found].filter((_, i) => i % 3 === 0)).toEqual([0, 128, 255, 255]);
    expect([...paletteTable([0, 128, 255], 16, false)]).toEqual([0, 128, 255]);
  });

  it('expands segments', () => {
    expect(expanded([0, 2, 10, 20, 1, 2, 40], 4)).toEqual([10, 20, 30, 40]);
    expect(() => expanded([1, 2, 40], 2)).toThrow();
  });
});

describe('codestreams', () => {
  it('says precision and sign of JPEG 2000', () => {
    const data = new Uint8Array(60);
    data.set([0xff, 0x4f, 0xff, 0x51]);
    data[42] = 0x80 | 15;
    expect(readCodestream(data)).toEqual({ precision: 16, signed: true, ybr: null });
  });

  it('says precision and colour of JPEG', () => {
    expect(readCodestream(Uint8Array.of(0xff, 0xd8, 0xff, 0xc1, 0, 11, 12, 0, 1, 0, 1, 1, 0, 0, 0))).toEqual({ precision: 12, signed: null, ybr: null });
  });

  it('knows what is lossy', () => {
    expect(isLossy('1.2.840.10008.1.2.4.50', '')).toBe(true);
    expect(isLossy('1.2.840.10008.1.2.4.91', '')).toBe(true);
    expect(isLossy('1.2.840.10008.1.2.4.91', '00')).toBe(false);
    expect(isLossy('1.2.840.10008.1.2.4.90', '')).toBe(false);
    expect(isLossy('1.2.840.10008.1.2.1', '01')).toBe(true);
  });
});

describe('multipart answers', () => {
  const body = (head: string, data: number[], tail: string): Uint8Array =>
    Uint8Array.of(...new TextEncoder().encode(head), ...data, ...new TextEncoder().encode(tail));

  it('gives the bytes and the transfer syntax of the part', () => {
    const head = '--b\r\nContent-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.90\r\n\r\n';
    expect(firstPart(body(head, [1, 13, 10, 45, 45, 2], '\r\n--b--\r\n'), 'multipart/related; boundary=b')).toEqual({
      data: Uint8Array.of(1, 13, 10, 45, 45, 2), transferSyntax: '1.2.840.10008.1.2.4.90',
    });
  });

  it('refuses a part that was cut short', () => {
    expect(() => firstPart(body('--b\r\nContent-Type: x/y\r\n\r\n', [1, 2], ''), 'multipart/related; boundary=b')).toThrow();
  });
});
