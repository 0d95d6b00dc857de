/** What Cornerstone may know of a frame: its geometry. The grey stage is ours, so it is told nothing of windows. */
import { metaData } from '@cornerstonejs/core';
import type { Frame } from '../dicom/instance';

export const SCHEME = 'hoichan';

const frames = new Map<string, Frame>();

export function imageIdOf(frame: Frame): string {
  return `${SCHEME}:${frame.id}`;
}

export function frameOf(imageId: string): Frame | undefined {
  return frames.get(imageId);
}

export function register(list: readonly Frame[]): string[] {
  return list.map((frame) => {
    const imageId = imageIdOf(frame);
    frames.set(imageId, frame);
    return imageId;
  });
}

export function installProvider(): void {
  metaData.addProvider((type: string, ...query: unknown[]) => {
    const frame = typeof query[0] === 'string' ? frames.get(query[0]) : undefined;
    return frame ? moduleOf(type, frame) : undefined;
  }, 10_000);
}

function moduleOf(type: string, frame: Frame): unknown {
  const { instance } = frame;
  switch (type) {
    case 'imagePlaneModule': return plane(frame);
    case 'imagePixelModule':
      return {
        samplesPerPixel: instance.shape.samples, bitsAllocated: 8, bitsStored: 8, highBit: 7, pixelRepresentation: 0,
        photometricInterpretation: instance.photometric.startsWith('MONOCHROME') ? 'MONOCHROME2' : 'RGB',
        rows: instance.shape.rows, columns: instance.shape.columns,
      };
    case 'generalSeriesModule':
      return { modality: instance.modality, seriesInstanceUID: instance.series, studyInstanceUID: instance.study };
    case 'sopCommonModule': return { sopInstanceUID: instance.uid, sopClassUID: instance.sopClass };
    case 'generalImageModule': return { sopInstanceUID: instance.uid, instanceNumber: instance.number };
    case 'voiLutModule': return { windowCenter: [128], windowWidth: [256] };
    case 'modalityLutModule': return {};
    case 'frameModule': return { sopInstanceUID: instance.uid, frameNumber: frame.number, numberOfFrames: instance.frames };
    default: return undefined;
  }
}

function plane(frame: Frame): Record<string, unknown> {
  const [down, across] = frame.spacing;
  const orientation = frame.orientation ?? [1, 0, 0, 0, 1, 0];
  const rowCosines = orientation.slice(0, 3);
  const columnCosines = orientation.slice(3, 6);
  return {
    frameOfReferenceUID: frame.instance.frameOfReference,
    rows: frame.instance.shape.rows,
    columns: frame.instance.shape.columns,
    imageOrientationPatient: orientation,
    rowCosines,
    columnCosines,
    imagePositionPatient: frame.position ?? [0, 0, 0],
    sliceThickness: frame.thickness ?? 1,
    pixelSpacing: [down, across],
    rowPixelSpacing: down,
    columnPixelSpacing: across,
    usingDefaultValues: frame.spacingSource === 'none',
  };
}
