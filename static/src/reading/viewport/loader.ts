/** Frames as Cornerstone images: it draws 8-bit greys that our own stage made, and reads values for measurements. */
import { cache, getWebWorkerManager, imageLoader, utilities, type Types } from '@cornerstonejs/core';
import { link } from '../dicom/link';
import { hurry, type Urgency } from '../dicom/transport';
import type { Shape } from '../pixels/native';
import { hasPreview, pictureOf, previewPicture, type Picture } from '../pixels/picture';
import type { Values, Voi } from '../pixels/grey';
import { paintInto } from '../pixels/painting';
import { frameOf, SCHEME } from './provider';
import type { Region } from '../dicom/instance';

export interface HoichanImage extends Types.IImage {
  picture: Picture;
}

/** `finished`: the preview that was shown has become the frame. `stuck`: it has not, and stays. */
export type Progressed = 'preview' | 'loaded' | 'finished' | 'stuck' | 'failed';
type Progress = (frameId: string, state: Progressed, error?: unknown) => void;
let progress: Progress = () => undefined;

export function installLoader(tell: Progress): void {
  progress = tell;
  imageLoader.registerImageLoader(SCHEME, (imageId: string, options?: Record<string, unknown>) => ({
    promise: load(imageId, options?.['hoichanUrgency'] === 'soon' ? 'soon' : 'now'),
  }));
}

/** Loads a frame into the cache; nothing is asked twice. */
export function ahead(imageId: string): Promise<unknown> {
  return imageLoader.loadAndCacheImage(imageId, { hoichanUrgency: 'soon' } as never);
}

export function sooner(imageId: string): void {
  const frame = frameOf(imageId);
  if (frame) hurry(frame.id);
}

export function isCached(imageId: string): boolean {
  return cache.getImageLoadObject(imageId) !== undefined;
}

export function forget(imageId: string): void {
  if (cache.getImageLoadObject(imageId)) cache.removeImageLoadObject(imageId);
}

/** Greys of a picture into the buffer that Cornerstone draws from. */
export function paint(image: HoichanImage, voi: Voi | null, invert: boolean): void {
  const { picture } = image;
  paintInto(scratch(picture.rows * picture.columns * (picture.rgb ? 3 : 1)), picture, voi, invert);
}

/** One buffer for each size: it is read at once, into the texture of the viewport that asked. */
const buffers = new Map<number, Uint8Array>();

function scratch(length: number): Uint8Array {
  let buffer = buffers.get(length);
  if (!buffer) {
    if (buffers.size > 4) buffers.clear();
    buffer = new Uint8Array(length);
    buffers.set(length, buffer);
  }
  return buffer;
}

async function load(imageId: string, urgency: Urgency): Promise<Types.IImage> {
  const frame = frameOf(imageId);
  if (!frame) throw new Error(`unknown frame ${imageId}`);
  try {
    // Nothing is known of a link that has carried one answer too short to tell: what is here already is shown.
    const preview = link.slow ?? hasPreview(frame.id) ? await previewPicture(frame, urgency, decode).catch(() => null) : null;
    const picture = preview ?? (await pictureOf(frame, urgency, decode));
    progress(frame.id, preview ? 'preview' : 'loaded');
    return imageOf(imageId, picture);
  } catch (error) {
    progress(frame.id, 'failed', error);
    throw error;
  }
}

/** Whether only the preview of a frame is here. */
export function isPreview(imageId: string): boolean {
  return (cache.getImage(imageId) as HoichanImage | undefined)?.picture.source === 'preview';
}

export function pictureIn(imageId: string): Picture | null {
  return (cache.getImage(imageId) as HoichanImage | undefined)?.picture ?? null;
}

const finishing = new Map<string, Promise<void>>();

/** Fetches the frame itself where its preview is shown. The image stays the same object, so whoever shows it need only
 * draw it again. */
export function finish(imageId: string, urgency: Urgency): Promise<void> {
  const frame = frameOf(imageId);
  if (!frame || !isPreview(imageId)) return Promise.resolve();
  const known = finishing.get(imageId);
  if (known) {
    if (urgency === 'now') hurry(frame.id);
    return known;
  }
  const work = pictureOf(frame, urgency, decode).then((picture) => {
    const image = cache.getImage(imageId);
    if (image) Object.assign(image, imageOf(imageId, picture));
    progress(frame.id, 'finished');
  }).catch((error: unknown) => progress(frame.id, 'stuck', error)).finally(() => finishing.delete(imageId));
  finishing.set(imageId, work);
  return work;
}

function imageOf(imageId: string, picture: Picture): HoichanImage {
  const { rows, columns, grid, rgb, frame } = picture;
  const components = rgb ? 3 : 1;
  const voxelManager = utilities.VoxelManager.createImageVoxelManager({
    scalarData: (grid?.values ?? rgb ?? new Uint8Array(rows * columns)),
    width: columns, height: rows, numberOfComponents: components,
  });
  // The probe asks with the place in the stack as third index; there is only one frame here.
  const manager = voxelManager as unknown as { getAtIJKPoint: (point: readonly number[]) => unknown };
  manager.getAtIJKPoint = ([i = 0, j = 0]) => voxelManager.getAtIJK(i, j, 0);
  // Measurements read values through the manager's own index access; what is drawn is the painted buffer.
  const painted = (): Uint8Array => scratch(rows * columns * components);
  (voxelManager as { getScalarData: () => unknown }).getScalarData = painted;
  const serverRatio = picture.source === 'server' && frame.instance.shape.columns ? frame.instance.shape.columns / columns : 1;
  const bytes = grid?.values.byteLength ?? rgb?.byteLength ?? 0;
  const { regions } = frame.instance;
  return {
    imageId, picture,
    rows, columns, width: columns, height: rows,
    minPixelValue: 0, maxPixelValue: 255, slope: 1, intercept: 0, windowCenter: 128, windowWidth: 256, voiLUTFunction: 'LINEAR',
    invert: false, color: components === 3, rgba: false, numberOfComponents: components,
    columnPixelSpacing: frame.spacing[1] * serverRatio, rowPixelSpacing: frame.spacing[0] * serverRatio,
    sizeInBytes: bytes, dataType: 'Uint8Array',
    calibration: regions.length && frame.spacingSource === 'none' ? { sequenceOfUltrasoundRegions: regions.map(calibrationRegion) } : {},
    getPixelData: painted,
    getCanvas: () => canvasOf(rows, columns, components, painted()),
    voxelManager,
    imageFrame: { photometricInterpretation: components === 3 ? 'RGB' : 'MONOCHROME2' },
    photometricInterpretation: components === 3 ? 'RGB' : 'MONOCHROME2',
  } as unknown as HoichanImage;
}

function calibrationRegion(region: Region): Record<string, number> {
  return {
    regionLocationMinX0: region.x0, regionLocationMinY0: region.y0, regionLocationMaxX1: region.x1, regionLocationMaxY1: region.y1,
    physicalUnitsXDirection: region.unitX, physicalUnitsYDirection: region.unitY,
    physicalDeltaX: region.deltaX, physicalDeltaY: region.deltaY, regionDataType: region.dataType,
  };
}

/** Only the software path asks for this, for colour. */
function canvasOf(rows: number, columns: number, components: number, data: Uint8Array): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d');
  if (!context) return canvas;
  const pixels = context.createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    for (let c = 0; c < 3; c++) pixels.data[i * 4 + c] = data[components === 3 ? i * 3 + c : i] as number;
    pixels.data[i * 4 + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** Compressed frames go through the decode worker; its post-processing only narrows the type, values stay exact. */
async function decode(shape: Shape, photometric: string, planar: boolean, transferSyntax: string, data: Uint8Array): Promise<Values> {
  const decoded = (await getWebWorkerManager().executeTask<unknown>('dicomImageLoader', 'decodeTask', {
    imageFrame: {
      samplesPerPixel: shape.samples, photometricInterpretation: photometric, planarConfiguration: planar ? 1 : 0,
      rows: shape.rows, columns: shape.columns, bitsAllocated: shape.bitsAllocated, bitsStored: shape.bitsStored,
      pixelRepresentation: shape.signed ? 1 : 0, smallestPixelValue: undefined, largestPixelValue: undefined,
    },
    transferSyntax, pixelData: data, options: { preScale: { enabled: false } }, decodeConfig: {},
  })) as { pixelData: Values };
  return decoded.pixelData;
}
