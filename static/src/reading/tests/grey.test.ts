import { describe, expect, it } from 'vitest';
import { automaticWindow, dragged, greyOf, rescaled, toGreys, windowed, windowOfTable, type Grid, type Voi } from '../pixels/grey';

const window = (center: number, width: number, fn: 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID' = 'LINEAR'): Voi => ({ kind: 'window', window: { center, width, fn } });
const grid = (values: Grid['values'], padding: Grid['padding'] = null): Grid => ({ values, min: Math.min(...values), max: Math.max(...values), padding });

describe('windows', () => {
  it('is black at the lower end and white at the upper end of LINEAR', () => {
    // PS3.3 C.11.2.1.2.1: c - 0.5 - (w-1)/2 and c - 0.5 + (w-1)/2
    expect(greyOf(-160, window(40, 400), false)).toBe(0);
    expect(greyOf(239, window(40, 400), false)).toBe(255);
    expect(windowed(39.5, { center: 40, width: 400, fn: 'LINEAR' })).toBeCloseTo(0.5);
  });

  it('has its middle at the centre of LINEAR_EXACT and of SIGMOID', () => {
    expect(windowed(40, { center: 40, width: 400, fn: 'LINEAR_EXACT' })).toBeCloseTo(0.5);
    expect(windowed(40, { center: 40, width: 400, fn: 'SIGMOID' })).toBeCloseTo(0.5);
    expect(windowed(240, { center: 40, width: 400, fn: 'SIGMOID' })).toBeCloseTo(1 / (1 + Math.exp(-2)));
  });

  it('is a threshold when LINEAR is one wide', () => {
    expect([9, 10].map((value) => greyOf(value, window(10, 1), false))).toEqual([0, 255]);
  });
});

describe('tables', () => {
  const table = { first: 10, bits: 8, data: [0, 100, 255] };

  it('gives the first and last entry outside', () => {
    expect([0, 10, 11, 12, 99].map((value) => greyOf(value, { kind: 'table', table }, false))).toEqual([0, 0, 100, 255, 255]);
  });

  it('turns round for MONOCHROME1', () => {
    expect(greyOf(10, { kind: 'table', table }, true)).toBe(255);
  });

  it('has a nearest window', () => {
    expect(windowOfTable({ first: 0, bits: 8, data: [0, 0, 0, 128, 255, 255] })).toMatchObject({ center: 3, width: 2 });
  });
});

describe('frames', () => {
  it('shows padding black, also when inverted', () => {
    const out = new Uint8Array(3);
    toGreys(grid(Int16Array.of(-2000, 0, 100), [-2000, -2000]), window(50, 100, 'LINEAR_EXACT'), true, out);
    expect([...out]).toEqual([0, 255, 0]);
  });

  it('gives the same greys by table and by computing each value', () => {
    const values = Int16Array.from({ length: 500 }, (_, i) => i - 250);
    const [byTable, each] = [new Uint8Array(500), new Uint8Array(500)];
    toGreys(grid(values), window(3, 77), false, byTable);
    toGreys(grid(Float32Array.from(values)), window(3, 77), false, each);
    expect([...byTable]).toEqual([...each]);
  });

  it('keeps integers after an integer rescale and moves padding along', () => {
    const found = rescaled(Uint16Array.of(0, 1024, 4095), 1, -1024, null, [0, 0]);
    expect(found.values).toBeInstanceOf(Int16Array);
    expect([...found.values]).toEqual([-1024, 0, 3071]);
    expect(found.padding).toEqual([-1024, -1024]);
  });

  it('goes through a Modality LUT', () => {
    const found = rescaled(Uint8Array.of(0, 1, 2), 1, 0, { first: 1, bits: 16, data: [500, 700] }, null);
    expect([...found.values]).toEqual([500, 500, 700]);
  });

  it('finds a window without the padding', () => {
    const values = Int16Array.from({ length: 1001 }, (_, i) => i);
    values[0] = -30000;
    expect(automaticWindow(grid(values, [-30000, -30000]), 'CT')).toMatchObject({ fn: 'LINEAR_EXACT', center: 500.5 });
    expect(automaticWindow(grid(Int16Array.of(0, 5, 10, 200)), 'PT').center).toBeCloseTo(automaticWindow(grid(Int16Array.of(0, 5, 10, 200)), 'PT').width / 2);
  });

  it('makes windows wider to the right and higher downward', () => {
    const moved = dragged({ center: 40, width: 400, fn: 'LINEAR' }, 30, 30, 4000);
    expect(moved.width).toBeGreaterThan(400);
    expect(moved.center).toBeGreaterThan(40);
    expect(dragged(moved, -99999, 0, 4000).width).toBe(1);
  });
});
