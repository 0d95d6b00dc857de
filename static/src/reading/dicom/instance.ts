/** An instance and its frames as the reading room needs them, from the DICOM JSON of the series. */
import type { Shape } from '../pixels/native';
import type { VoiFunction, Window } from '../pixels/grey';
import { items, number, numbers, text, texts, type Dataset, type Element } from './json';

export type Vector = readonly [number, number, number];

/** Where the millimetres of a frame come from; `detector` are not those of the patient. */
export type SpacingSource = 'patient' | 'detector' | 'calibrated' | 'none';

/** A LUT as the header gives it; its data may still lie on the server. */
export interface LutItem {
  descriptor: readonly number[];
  data: Element;
  explanation: string;
}

export interface Region {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  unitX: number;
  unitY: number;
  deltaX: number;
  deltaY: number;
  dataType: number;
}

export interface Instance {
  uid: string;
  sopClass: string;
  study: string;
  series: string;
  modality: string;
  number: number | null;
  frames: number;
  shape: Shape;
  photometric: string;
  planar: boolean;
  inverted: boolean;
  padding: readonly [number, number] | null;
  transferSyntax: string;
  lossyImageCompression: string;
  frameOfReference: string;
  /** What names its content in an address (`?v=`); empty when not known. */
  version: string;
  valueUnit: string;
  frameRate: number | null;
  regions: readonly Region[];
  dataset: Dataset;
}

export interface Frame {
  /** `wadors`-like address without scheme: also the key of everything kept about the frame. */
  id: string;
  instance: Instance;
  number: number;
  position: Vector | null;
  orientation: readonly number[] | null;
  /** Row spacing (down), column spacing (across), in millimetres or as a ratio. */
  spacing: readonly [number, number];
  spacingSource: SpacingSource;
  thickness: number | null;
  windows: readonly (Window & { explanation: string })[];
  voiLuts: readonly LutItem[];
  modalityLut: LutItem | null;
  slope: number;
  intercept: number;
}

const PROJECTION = new Set(['CR', 'DX', 'MG', 'XA', 'RF', 'PX', 'IO', 'RG', 'RTIMAGE']);

/** The instances of a series' metadata; those without pixels have no frames. */
export function instancesOf(root: string, metadata: readonly Dataset[]): { instance: Instance; frames: Frame[] }[] {
  return metadata.map((dataset) => {
    const instance = instanceOf(dataset);
    return { instance, frames: instance.frames ? framesOf(root, instance) : [] };
  });
}

function instanceOf(dataset: Dataset): Instance {
  const signed = number(dataset, '00280103') === 1;
  const bitsAllocated = number(dataset, '00280100') ?? 0;
  const bitsStored = number(dataset, '00280101') ?? bitsAllocated;
  const rows = number(dataset, '00280010') ?? 0;
  const columns = number(dataset, '00280011') ?? 0;
  const photometric = text(dataset, '00280004').toUpperCase();
  const kind = dataset['7FE00008'] ? 'float' : dataset['7FE00009'] ? 'double' : 'integer';
  const modality = text(dataset, '00080060');
  const pictured = rows > 0 && columns > 0 && bitsAllocated > 0;
  return {
    uid: text(dataset, '00080018'),
    sopClass: text(dataset, '00080016'),
    study: text(dataset, '0020000D'),
    series: text(dataset, '0020000E'),
    modality,
    number: number(dataset, '00200013'),
    frames: pictured ? Math.max(1, number(dataset, '00280008') ?? 1) : 0,
    shape: {
      rows, columns, samples: number(dataset, '00280002') ?? 1, bitsAllocated, bitsStored,
      highBit: number(dataset, '00280102') ?? bitsStored - 1, signed, kind,
    },
    photometric,
    planar: number(dataset, '00280006') === 1,
    inverted: photometric === 'MONOCHROME1' || text(dataset, '20500020').toUpperCase() === 'INVERSE',
    padding: kind === 'integer' ? paddingOf(dataset, signed, bitsAllocated) : null,
    transferSyntax: text(dataset, '00083002') || text(dataset, '00020010'),
    lossyImageCompression: text(dataset, '00282110'),
    frameOfReference: text(dataset, '00200052') || text(dataset, '0020000E'),
    version: '',
    valueUnit: unitOf(dataset, modality),
    frameRate: frameRateOf(dataset),
    regions: items(dataset, '00186011').map(regionOf),
    dataset,
  };
}

function framesOf(root: string, instance: Instance): Frame[] {
  const { dataset } = instance;
  const shared = items(dataset, '52009229')[0] ?? {};
  const perFrame = items(dataset, '52009230');
  const base = `${root}/studies/${instance.study}/series/${instance.series}/instances/${instance.uid}/frames/`;
  return Array.from({ length: instance.frames }, (_, i): Frame => {
    const own = perFrame[i] ?? {};
    const macro = (tag: string): Dataset => items(own, tag)[0] ?? items(shared, tag)[0] ?? dataset;
    const position = numbers(macro('00209113'), '00200032');
    const orientation = numbers(macro('00209116'), '00200037');
    const measures = macro('00289110');
    const values = macro('00289145');
    const voi = macro('00289132');
    const modalityLut = items(values, '00283000').map(lutOf)[0] ?? null;
    return {
      id: base + String(i + 1),
      instance,
      number: i + 1,
      position: position.length === 3 ? (position as unknown as Vector) : null,
      orientation: orientation.length === 6 ? orientation : null,
      ...spacingOf(dataset, measures, instance.modality),
      thickness: number(measures, '00180050') ?? number(dataset, '00180050'),
      windows: windowsOf(voi),
      voiLuts: items(voi, '00283010').map(lutOf).filter((lut): lut is LutItem => lut !== null),
      modalityLut,
      ...rescaleOf(values),
    };
  });
}

function rescaleOf(values: Dataset): { slope: number; intercept: number } {
  const slope = number(values, '00281053');
  const intercept = number(values, '00281052');
  return slope !== null && intercept !== null && slope !== 0 ? { slope, intercept } : { slope: 1, intercept: 0 };
}

function windowsOf(voi: Dataset): (Window & { explanation: string })[] {
  const centers = numbers(voi, '00281050');
  const widths = numbers(voi, '00281051');
  const explanations = texts(voi, '00281055');
  const fn = voiFunction(text(voi, '00281056'));
  return centers
    .map((center, i) => ({ center, width: widths[i] ?? 0, fn, explanation: explanations[i] ?? '' }))
    .filter((window) => window.width > 0);
}

export function voiFunction(value: string): VoiFunction {
  const name = value.trim().toUpperCase();
  return name === 'SIGMOID' || name === 'LINEAR_EXACT' ? name : 'LINEAR';
}

function lutOf(item: Dataset): LutItem | null {
  const descriptor = numbers(item, '00283002');
  const data = item['00283006'];
  if (descriptor.length !== 3 || !data) return null;
  return { descriptor, data, explanation: text(item, '00283003') };
}

function spacingOf(dataset: Dataset, measures: Dataset, modality: string): { spacing: readonly [number, number]; spacingSource: SpacingSource } {
  const pixel = pair(numbers(measures, '00280030')) ?? pair(numbers(dataset, '00280030'));
  const imager = pair(numbers(dataset, '00181164'));
  if (pixel) {
    const calibration = text(dataset, '00280A02');
    const atDetector = PROJECTION.has(modality) && !calibration && (!imager || same(pixel, imager));
    return { spacing: pixel, spacingSource: calibration ? 'calibrated' : atDetector ? 'detector' : 'patient' };
  }
  if (imager) return { spacing: imager, spacingSource: 'detector' };
  const aspect = pair(numbers(dataset, '00280034'));
  return { spacing: aspect ? [aspect[0] / aspect[1], 1] : [1, 1], spacingSource: 'none' };
}

function pair(values: number[]): readonly [number, number] | null {
  const [down, across] = values;
  return down !== undefined && across !== undefined && down > 0 && across > 0 ? [down, across] : null;
}

function same(a: readonly [number, number], b: readonly [number, number]): boolean {
  return Math.abs(a[0] - b[0]) < 1e-4 * a[0] && Math.abs(a[1] - b[1]) < 1e-4 * a[1];
}

function paddingOf(dataset: Dataset, signed: boolean, bitsAllocated: number): readonly [number, number] | null {
  const first = stored(number(dataset, '00280120'), signed, bitsAllocated);
  if (first === null) return null;
  const last = stored(number(dataset, '00280121'), signed, bitsAllocated);
  return last === null ? [first, first] : [Math.min(first, last), Math.max(first, last)];
}

/** A US or SS value, whichever it was read as, as stored values are. */
function stored(value: number | null, signed: boolean, bits: number): number | null {
  if (value === null) return null;
  if (signed && value >= 2 ** (bits - 1)) return value - 2 ** bits;
  return !signed && value < 0 ? value + 2 ** bits : value;
}

function unitOf(dataset: Dataset, modality: string): string {
  const transformation = items(items(dataset, '52009229')[0] ?? {}, '00289145')[0] ?? dataset;
  const type = text(transformation, '00281054');
  if (type && type !== 'US') return type;
  if (modality === 'CT' && (number(transformation, '00281053') !== null || items(dataset, '52009230').length > 0)) return 'HU';
  if (modality === 'PT') return text(dataset, '00541001');
  return '';
}

/** Frames per second: what the object recommends, else from the time of a frame. */
function frameRateOf(dataset: Dataset): number | null {
  const recommended = number(dataset, '00082144') ?? number(dataset, '00180040');
  if (recommended && recommended > 0) return Math.min(60, recommended);
  const time = number(dataset, '00181063') ?? numbers(dataset, '00181065').find((ms) => ms > 0) ?? null;
  return time && time > 0 ? Math.min(60, 1000 / time) : null;
}

function regionOf(item: Dataset): Region {
  const n = (tag: string): number => number(item, tag) ?? 0;
  return {
    x0: n('00186018'), y0: n('0018601A'), x1: n('0018601C'), y1: n('0018601E'),
    unitX: n('00186024'), unitY: n('00186026'), deltaX: n('0018602C'), deltaY: n('0018602E'), dataType: n('00186014'),
  };
}
