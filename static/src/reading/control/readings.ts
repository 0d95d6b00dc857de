/** What is written beside a measurement: millimetres only where they are known, HU only where values are HU. */
import type { Frame } from '../dicom/instance';
import { number } from '../../common/i18n';
import { reading } from '../strings';

export interface Stats {
  length?: number | null;
  unit?: string;
  angle?: number | string | null;
  area?: number | null;
  areaUnit?: string;
  mean?: number | number[] | null;
  stdDev?: number | number[] | null;
  min?: number | number[] | null;
  max?: number | number[] | null;
  statsArray?: { name?: string; value?: number | number[] }[];
  value?: number | number[] | null;
  index?: number[];
}

export function readings(stats: Stats, frame: Frame): string[] {
  const lines: string[] = [];
  const { length, angle, area } = stats;
  if (finite(length)) lines.push(sized(length, stats.unit ?? '', 1, frame));
  if (angle !== undefined && angle !== null && Number.isFinite(Number(angle))) lines.push(`${number(Number(angle), digits(1))}°`);
  if (finite(area)) lines.push(`${reading('area')} ${sized(area, stats.areaUnit ?? '', 2, frame)}`);
  const unit = frame.instance.valueUnit ? ` ${frame.instance.valueUnit}` : '';
  const one = (name: 'mean' | 'stdDev' | 'min' | 'max'): number | null => {
    const value = stats[name] ?? stats.statsArray?.find((entry) => entry.name === name)?.value;
    return finite(value) ? value : null;
  };
  const mean = one('mean');
  if (mean !== null) {
    const deviation = one('stdDev');
    lines.push(`${reading('mean')} ${value(mean)}${unit}${deviation === null ? '' : ` · ${reading('deviation')} ${value(deviation)}`}`);
    const [min, max] = [one('min'), one('max')];
    if (min !== null && max !== null) lines.push(`${reading('range')} ${value(min)} … ${value(max)}`);
  }
  if (stats.index && finite(stats.value)) lines.push(`${value(stats.value)}${unit}`);
  else if (stats.index && Array.isArray(stats.value)) lines.push(`RGB ${stats.value.slice(0, 3).map(value).join(' ')}`);
  return lines;
}

/** A length (power 1) or area (power 2) in the unit it is known in, and where that unit comes from. */
function sized(amount: number, unit: string, power: 1 | 2, frame: Frame): string {
  const square = power === 2 ? '²' : '';
  if (/^cm.*US Region/.test(unit)) return `${number(amount * 10 ** power, digits(1))} mm${square} (${reading('fromRegion')})`;
  if (/Region/.test(unit) || frame.spacingSource === 'none' || unit.startsWith('px')) {
    return `${number(amount, digits(1))} ${unit.replace(/ (US|ECG) Region/, '') || 'px'}`;
  }
  const source = frame.spacingSource === 'detector' ? ` (${reading('atDetector')})` : '';
  return `${number(amount, digits(amount >= 1000 ? 0 : 1))} mm${square}${source}`;
}

/** Small values keep three significant digits, large ones one decimal; never grouped, as a dot means another thing next door. */
export function value(amount: number): string {
  const size = Math.abs(amount);
  return number(amount, size > 0 && size < 1 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: size < 1e5 ? 1 : 0, useGrouping: false });
}

function digits(count: number): Intl.NumberFormatOptions {
  return { minimumFractionDigits: count, maximumFractionDigits: count, useGrouping: false };
}

function finite(amount: unknown): amount is number {
  return typeof amount === 'number' && Number.isFinite(amount);
}
