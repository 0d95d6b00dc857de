/** A frame made ready to be shown: values or colours, where they came from, and how it wants to be seen. */
import type { Frame, LutItem } from '../dicom/instance';
import { items, number, type Dataset } from '../dicom/json';
import { link } from '../dicom/link';
import type { Preview, Quality } from '../dicom/opening';
import { NATIVE, BIG_ENDIAN, EXPLICIT, SERVER_ONLY, isLossy } from '../dicom/syntaxes';
import { bytesOfElement, frame as fetchFrame, PACKED, preview as fetchPreview, rendered as fetchRendered, type Urgency } from '../dicom/transport';
import { byPixel, eightBits, expanded, from422, paletteTable, throughPalette, ybrToRgb, type Palette } from './colour';
import { automaticWindow, rescaled, type Grid, type Table, type Values, type Voi } from './grey';
import { readCodestream, type Codestream } from './codestream';
import { nativeSamples, oneBitSamples, type Shape } from './native';

/** `preview`: small and lossy, while the frame itself is on its way. `server`: the picture is the server's rendering; windows and readings of values are not to be had from it. */
export type Source = 'original' | 'lossy' | 'server' | 'preview';

export interface Choice {
  voi: Voi;
  explanation: string;
}

export interface Picture {
  frame: Frame;
  rows: number;
  columns: number;
  transferSyntax: string;
  source: Source;
  /** Why the server had to render, for the log and the tip of the badge. */
  reason: string;
  grid: Grid | null;
  rgb: Uint8Array | null;
  /** What the instance asks for: VOI LUTs first, then windows; at least one for grey pictures. */
  choices: readonly Choice[];
  bytes: number;
  /** Of a preview: how far it is from the frame. */
  quality: Quality | null;
}

export type Decode = (shape: Shape, photometric: string, planar: boolean, transferSyntax: string, data: Uint8Array) => Promise<Values>;

/** This frame cannot be shown right from its samples here. */
class Unshowable extends Error {}

export async function pictureOf(frame: Frame, urgency: Urgency, decode: Decode): Promise<Picture> {
  const part = await fetchFrame(frame.id, frame.instance.version, urgency, link.slow && packable(frame) ? PACKED : undefined);
  const transferSyntax = part.transferSyntax;
  try {
    const samples = await samplesOf(frame, transferSyntax, part.data, decode);
    return await fromSamples(frame, transferSyntax, part.data.length, samples);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return (await decodedByServer(frame, urgency, transferSyntax, reason)) ?? fromServer(frame, urgency, transferSyntax, reason);
  }
}

/** Native grey frames are a third of their size when they are packed, and exact. */
function packable({ instance: { transferSyntax, shape } }: Frame): boolean {
  return NATIVE.has(transferSyntax) && shape.kind === 'integer' && shape.samples === 1 && [8, 16].includes(shape.bitsAllocated);
}

const given = new Map<string, Preview>();
/** Previews that were given and are pictures already, made before the viewer's decoders were here. */
const made = new Map<string, Promise<Picture | null>>();

/** A preview that came with something else is not asked for again. */
export function givePreview(frameId: string, preview: Preview): void {
  given.set(frameId, preview);
}

export function hasPreview(frameId: string): boolean {
  return given.has(frameId) || made.has(frameId);
}

/** The picture of a preview that was given; who asks for it next gets this one, and decodes nothing. */
export function earlyPicture(frame: Frame, decode: Decode): Promise<Picture | null> {
  const picture = previewPicture(frame, 'now', decode);
  made.set(frame.id, picture);
  return picture;
}

/** The preview of a frame; null when it has none: then the frame itself is to be fetched. */
export async function previewPicture(frame: Frame, urgency: Urgency, decode: Decode): Promise<Picture | null> {
  const early = made.get(frame.id);
  if (early) {
    made.delete(frame.id);
    const picture = await early.catch(() => null);
    if (picture) return picture;
  }
  const preview = given.get(frame.id) ?? (await fetchPreview(frame.id, frame.instance.version, urgency));
  given.delete(frame.id);
  if (!preview) return null;
  const { shape } = frame.instance;
  const { transferSyntax, data, offset, quality } = preview;
  const coded: Shape = shape.samples === 3 ? shape : { ...shape, bitsAllocated: 16, bitsStored: 16, highBit: 15, signed: true };
  const values = await decode(coded, shape.samples === 3 ? 'YBR_FULL_422' : 'MONOCHROME2', false, transferSyntax, data);
  if (values.length !== shape.rows * shape.columns * shape.samples) return null;
  // What was padding is the darkest value now, so nothing is left out by its value.
  const plain: Frame = { ...frame, instance: { ...frame.instance, padding: null } };
  const samples = shape.samples === 3 ? { values, photometric: 'RGB' } : { values: shifted(values, offset, shape), photometric: frame.instance.photometric };
  return { ...(await fromSamples(plain, transferSyntax, data.length, samples)), frame, source: 'preview', quality };
}

/** Stored values: moved back, and inside of what Bits Stored can hold. */
export function shifted(decoded: Values, offset: number, { bitsStored, signed }: Shape): Values {
  const [low, high] = signed ? [-(2 ** (bitsStored - 1)), 2 ** (bitsStored - 1) - 1] : [0, 2 ** bitsStored - 1];
  const out = signed || bitsStored < 16 ? new Int16Array(decoded.length) : new Uint16Array(decoded.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.min(high, Math.max(low, (decoded[i] as number) + offset));
  return out;
}

/** Grey values that the server decoded: exact, so windows and measurements work as ever. */
async function decodedByServer(frame: Frame, urgency: Urgency, transferSyntax: string, reason: string): Promise<Picture | null> {
  const { shape, photometric } = frame.instance;
  if (shape.samples !== 1 || shape.bitsAllocated < 8 || NATIVE.has(transferSyntax)) return null;
  try {
    const part = await fetchFrame(frame.id, frame.instance.version, urgency, `multipart/related; type="application/octet-stream"; transfer-syntax=${EXPLICIT}`);
    const values = nativeSamples(part.data, shape, false);
    return values && { ...(await fromSamples(frame, transferSyntax, part.data.length, { values, photometric })), reason };
  } catch {
    return null;
  }
}

interface Samples {
  values: Values;
  photometric: string;
}

async function samplesOf(frame: Frame, syntax: string, data: Uint8Array, decode: Decode): Promise<Samples> {
  const { shape, photometric, planar } = frame.instance;
  if (SERVER_ONLY.has(syntax)) throw new Unshowable(`transfer syntax ${syntax}`);
  const pixels = shape.rows * shape.columns;
  if (NATIVE.has(syntax)) {
    if (shape.bitsAllocated === 1) return { values: need(oneBitSamples(data, shape), 'one-bit frames inside a byte'), photometric };
    if (/_422$/.test(photometric) && data.length < pixels * 3 && shape.bitsAllocated === 8) {
      if (data.length < pixels * 2) throw new Unshowable('frame cut short');
      return { values: from422(data, pixels), photometric };
    }
    const values = need(nativeSamples(data, shape, syntax === BIG_ENDIAN), `${shape.bitsAllocated} bits allocated`);
    return { values: shape.samples === 3 && planar ? byPixel(values, pixels) : values, photometric };
  }
  if (shape.kind !== 'integer' || ![8, 16].includes(shape.bitsAllocated)) throw new Unshowable(`${shape.bitsAllocated} bits, compressed`);
  doubt(readCodestream(data), shape, syntax, photometric);
  let values = await decode(shape, photometric, planar, syntax, data);
  if (values.length !== pixels * shape.samples) throw new Unshowable(`decoded ${values.length} samples of ${pixels * shape.samples}`);
  const rle = syntax === '1.2.840.10008.1.2.5';
  if (rle && shape.samples === 3 && planar && shape.bitsAllocated === 8) values = byPixel(values, pixels);
  // Codecs that change colour space give RGB; run-length and JPEG-LS keep what the header says.
  const kept = rle || syntax.startsWith('1.2.840.10008.1.2.4.8') || syntax === '1.2.840.10008.1.2.4.57' || syntax === '1.2.840.10008.1.2.4.70';
  return { values, photometric: shape.samples === 3 && !kept ? 'RGB' : photometric };
}

/** Codecs here take the header's word for sign, depth and colour; where the codestream says otherwise they would be wrong. */
function doubt(stream: Codestream | null, shape: Shape, syntax: string, photometric: string): void {
  const wavelet = /\.4\.(9[01]|20[123])$/.test(syntax);
  if (!stream) {
    if (wavelet || /\.4\.5[01]$/.test(syntax)) throw new Unshowable('codestream without a header');
    return;
  }
  if (wavelet && (stream.signed !== shape.signed || (shape.signed && stream.precision !== shape.bitsStored))) {
    throw new Unshowable('codestream and header disagree');
  }
  if (/\.4\.5[01]$/.test(syntax) && stream.precision > 8) throw new Unshowable('12-bit JPEG');
  if (/\.4\.5[01]$/.test(syntax) && shape.samples === 3 && (stream.ybr ?? photometric !== 'RGB') !== true) {
    throw new Unshowable('JPEG without colour transform');
  }
}

async function fromSamples(frame: Frame, transferSyntax: string, bytes: number, samples: Samples): Promise<Picture> {
  const { instance } = frame;
  const { shape } = instance;
  const source: Source = isLossy(transferSyntax, instance.lossyImageCompression) ? 'lossy' : 'original';
  const base = { frame, rows: shape.rows, columns: shape.columns, transferSyntax, source, reason: '', bytes, quality: null };
  if (samples.photometric === 'PALETTE COLOR') {
    return { ...base, grid: null, rgb: throughPalette(samples.values, await paletteOf(instance.dataset, shape.signed)), choices: [] };
  }
  if (shape.samples >= 3) {
    if (shape.samples !== 3) throw new Unshowable(`${shape.samples} samples per pixel`);
    const eight = eightBits(samples.values, shape.bitsStored);
    const ybr = samples.photometric.startsWith('YBR');
    return { ...base, grid: null, rgb: ybr ? ybrToRgb(eight, samples.photometric.includes('PARTIAL')) : eight, choices: [] };
  }
  if (shape.samples !== 1) throw new Unshowable(`${shape.samples} samples per pixel`);
  const modality = frame.modalityLut ? await tableOf(frame.modalityLut, shape.signed) : null;
  const grid = rescaled(samples.values, frame.slope, frame.intercept, modality, instance.padding);
  const choices: Choice[] = [];
  for (const item of frame.voiLuts) {
    choices.push({ voi: { kind: 'table', table: await tableOf(item, shape.signed) }, explanation: item.explanation });
  }
  for (const { explanation, ...window } of frame.windows) choices.push({ voi: { kind: 'window', window }, explanation });
  if (!choices.length) choices.push({ voi: { kind: 'window', window: automaticWindow(grid, instance.modality) }, explanation: '' });
  return { ...base, grid, rgb: null, choices };
}

/** The server's rendering as colour, marked as such. Its own failure is the failure of the frame. */
async function fromServer(frame: Frame, urgency: Urgency, transferSyntax: string, reason: string): Promise<Picture> {
  const { rgb, rows, columns } = await rgbOf(await fetchRendered(frame.id, urgency));
  return {
    frame, rows, columns, transferSyntax, source: 'server', reason,
    grid: null, rgb, choices: [], bytes: rgb.length, quality: null,
  };
}

/** Three samples of each pixel of an image that the browser itself decodes. */
export async function rgbOf(image: Blob): Promise<{ rgb: Uint8Array; rows: number; columns: number }> {
  const bitmap = await createImageBitmap(image, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('no canvas');
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const rgb = new Uint8Array(bitmap.width * bitmap.height * 3);
  for (let i = 0, j = 0; j < rgb.length; i += 4, j += 3) {
    rgb[j] = data[i] as number;
    rgb[j + 1] = data[i + 1] as number;
    rgb[j + 2] = data[i + 2] as number;
  }
  return { rgb, rows: bitmap.height, columns: bitmap.width };
}

/** LUT Descriptor and LUT Data (PS3.3 C.11.1.1, C.11.2.1.1). */
async function tableOf(item: LutItem, signed: boolean): Promise<Table> {
  const [count = 0, start = 0, bits = 0] = item.descriptor;
  const entries = count || 65536;
  const first = signed && start > 32767 ? start - 65536 : start;
  const data = (await wordsOf(item.data, entries)).slice(0, entries);
  if (!data.length || bits < 1 || bits > 16) throw new Unshowable('damaged lookup table');
  return { first, bits, data };
}

async function wordsOf(element: LutItem['data'], entries: number): Promise<Uint16Array> {
  if (element.Value) return Uint16Array.from(element.Value, (value) => Number(value) & 0xffff);
  const bytes = await bytesOfElement(element);
  if (bytes.length < 2 * entries) return Uint16Array.from(bytes);
  return littleWords(bytes);
}

function littleWords(bytes: Uint8Array): Uint16Array {
  const words = new Uint16Array(bytes.length >> 1);
  for (let i = 0; i < words.length; i++) words[i] = (bytes[2 * i] as number) | ((bytes[2 * i + 1] as number) << 8);
  return words;
}

async function paletteOf(dataset: Dataset, signed: boolean): Promise<Palette> {
  const one = async (descriptor: string, plain: string, segmented: string): Promise<{ first: number; bits: number; table: Uint8Array }> => {
    const count = number(dataset, descriptor, 0) || 65536;
    const start = number(dataset, descriptor, 1) ?? 0;
    const bits = number(dataset, descriptor, 2) ?? 16;
    const first = signed && start > 32767 ? start - 65536 : start;
    const data = dataset[plain];
    if (data) return { first, bits, table: paletteTable((await wordsOf(data, count)).slice(0, count), bits, false) };
    const segments = dataset[segmented];
    if (!segments) throw new Unshowable('no palette');
    const bytes = segments.Value ? Uint16Array.from(segments.Value, Number) : await bytesOfElement(segments);
    const words = bytes instanceof Uint16Array || bits === 8 ? bytes : littleWords(bytes);
    return { first, bits, table: paletteTable(expanded(words, count), bits, true) };
  };
  const red = await one('00281101', '00281201', '00281221');
  const green = await one('00281102', '00281202', '00281222');
  const blue = await one('00281103', '00281203', '00281223');
  return { first: red.first, bits: red.bits, tables: [red.table, green.table, blue.table] };
}

/** Whether the header itself says that its colours are not grey values. */
export function isColour(picture: Picture): boolean {
  return picture.rgb !== null;
}

/** Shutters, overlays and presentation states that are not drawn here yet, so that the badge can say so. */
export function undrawn(dataset: Dataset): 'overlay' | null {
  return Object.keys(dataset).some((tag) => /^60[0-1][02468ACE]3000$/.test(tag)) || items(dataset, '60003000').length ? 'overlay' : null;
}

function need<T>(value: T | null, what: string): T {
  if (value === null) throw new Unshowable(what);
  return value;
}
