/** Values after the Modality LUT to greys 0 to 255: VOI LUT or window, inversion, padding (PS3.3 C.11, PS3.4 N.2). */

export type VoiFunction = 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID';

export interface Window {
  center: number;
  width: number;
  fn: VoiFunction;
}

/** A LUT item: its entries, the first value it maps, and the bits its output is counted in. */
export interface Table {
  first: number;
  bits: number;
  data: ArrayLike<number>;
}

export type Voi = { kind: 'window'; window: Window } | { kind: 'table'; table: Table };

export type Values = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** What one pixel grid holds once the Modality LUT is applied. */
export interface Grid {
  values: Values;
  min: number;
  max: number;
  /** First and last value that mean "no pixel here" (PS3.3 C.7.5.1.1.2). */
  padding: readonly [number, number] | null;
}

/** 0 to 1 (PS3.3 C.11.2.1.2 and C.11.2.1.3). */
export function windowed(value: number, { center, width, fn }: Window): number {
  if (fn === 'SIGMOID' && width > 0) return 1 / (1 + Math.exp((-4 * (value - center)) / width));
  const c = fn === 'LINEAR_EXACT' ? center : center - 0.5;
  const w = fn === 'LINEAR_EXACT' ? width : width - 1;
  if (w <= 0) return value > c ? 1 : 0;
  return clamp((value - c) / w + 0.5);
}

/** The entry of a table for a value; values outside take the first or last entry. */
export function looked(value: number, table: Table): number {
  const index = Math.min(Math.max(Math.round(value) - table.first, 0), table.data.length - 1);
  return table.data[index] ?? 0;
}

export function greyOf(value: number, voi: Voi, inverted: boolean): number {
  const shown = voi.kind === 'table'
    ? clamp(looked(value, voi.table) / (2 ** voi.table.bits - 1))
    : windowed(value, voi.window);
  const grey = Math.floor((inverted ? 1 - shown : shown) * 255 + 0.5);
  return Number.isFinite(grey) ? grey : 0;
}

/** Writes the greys of a grid into `out`; up to 16 bits a table does it, beyond that every value is computed. */
export function toGreys(grid: Grid, voi: Voi, inverted: boolean, out: Uint8Array): void {
  const { values, min, max, padding } = grid;
  const integers = !(values instanceof Float32Array || values instanceof Float64Array);
  if (integers && max - min < 65536) {
    const table = new Uint8Array(max - min + 1);
    for (let i = 0; i < table.length; i++) {
      const value = min + i;
      table[i] = padding && value >= padding[0] && value <= padding[1] ? 0 : greyOf(value, voi, inverted);
    }
    for (let i = 0; i < values.length; i++) out[i] = table[(values[i] as number) - min] as number;
    return;
  }
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    out[i] = padding && value >= padding[0] && value <= padding[1] ? 0 : greyOf(value, voi, inverted);
  }
}

/**
 * A window from the values themselves, padding left out: for emission and dose from zero up, else without the darkest
 * and brightest half percent. The server's rendering does the same.
 */
export function automaticWindow(grid: Grid, modality: string): Window {
  const step = Math.max(1, grid.values.length >> 17);
  const seen: number[] = [];
  for (let i = 0; i < grid.values.length; i += step) {
    const value = grid.values[i] as number;
    if (Number.isFinite(value) && !(grid.padding && value >= grid.padding[0] && value <= grid.padding[1])) seen.push(value);
  }
  if (!seen.length) return { center: 0.5, width: 1, fn: 'LINEAR_EXACT' };
  const sorted = Float64Array.from(seen).sort();
  const first = sorted[0] as number;
  const last = sorted[sorted.length - 1] as number;
  let low = percentile(sorted, 0.005);
  let high = percentile(sorted, 0.995);
  if ((modality === 'PT' || modality === 'NM') && low >= 0) low = 0;
  else if (modality === 'RTDOSE' || modality === 'SEG') [low, high] = [Math.min(0, first), last];
  if (high <= low) [low, high] = [first, last];
  if (high <= low) return { center: low, width: 1, fn: 'LINEAR_EXACT' };
  return { center: (low + high) / 2, width: high - low, fn: 'LINEAR_EXACT' };
}

/** The window that a drag makes: width by the horizontal way, centre by the vertical, scaled to the width in use. */
export function dragged(window: Window, dx: number, dy: number, span: number): Window {
  const pace = Math.max(span / 1024, Math.min(window.width, span) / 300, 1e-6);
  const least = window.fn === 'LINEAR' ? 1 : Math.max(span / 1e5, 1e-6);
  return { ...window, width: Math.max(least, window.width + dx * pace), center: window.center + dy * pace };
}

/** The linear window that is nearest to what a table shows: from where it leaves its floor to where it reaches its top. */
export function windowOfTable(table: Table): Window {
  const { data, first } = table;
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < data.length; i++) {
    low = Math.min(low, data[i] as number);
    high = Math.max(high, data[i] as number);
  }
  let from = 0;
  while (from < data.length - 1 && (data[from + 1] as number) <= low) from++;
  let to = data.length - 1;
  while (to > from + 1 && (data[to - 1] as number) >= high) to--;
  return { center: first + (from + to) / 2, width: Math.max(1, to - from), fn: 'LINEAR_EXACT' };
}

/** Stored values through slope and intercept or a Modality LUT; integers stay integers when they can. */
export function rescaled(stored: Values, slope: number, intercept: number, table: Table | null, padding: readonly [number, number] | null): Grid {
  if (table) {
    const values = new Float32Array(stored.length);
    for (let i = 0; i < stored.length; i++) {
      const value = stored[i] as number;
      values[i] = padding && value >= padding[0] && value <= padding[1] ? NaN : looked(value, table);
    }
    return { values, ...range(values), padding: null };
  }
  const hidden: [number, number] | null = padding
    ? [Math.min(padding[0] * slope, padding[1] * slope) + intercept, Math.max(padding[0] * slope, padding[1] * slope) + intercept]
    : null;
  if (slope === 1 && intercept === 0) return { values: stored, ...range(stored), padding: hidden };
  const { min, max } = range(stored);
  const low = Math.min(min * slope, max * slope) + intercept;
  const high = Math.max(min * slope, max * slope) + intercept;
  const whole = Number.isInteger(slope) && Number.isInteger(intercept) && !(stored instanceof Float32Array || stored instanceof Float64Array);
  const values = whole ? integers(low, high, stored.length) : new Float32Array(stored.length);
  for (let i = 0; i < stored.length; i++) values[i] = (stored[i] as number) * slope + intercept;
  if (whole) return { values, min: low, max: high, padding: hidden };
  // Padding is compared with values that were rounded to single precision.
  return { values, min: low, max: high, padding: hidden && [hidden[0] - Math.abs(slope) / 4, hidden[1] + Math.abs(slope) / 4] };
}

export function range(values: Values): { min: number; max: number } {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min > max ? { min: 0, max: 0 } : { min, max };
}

function integers(low: number, high: number, length: number): Values {
  if (low >= -32768 && high <= 32767) return new Int16Array(length);
  if (low >= 0 && high <= 65535) return new Uint16Array(length);
  return low >= -2147483648 && high <= 2147483647 ? new Int32Array(length) : new Float64Array(length);
}

function percentile(sorted: Float64Array, part: number): number {
  const at = part * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] as number;
  return low + ((sorted[Math.min(below + 1, sorted.length - 1)] as number) - low) * (at - below);
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}
