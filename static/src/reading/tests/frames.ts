/** Frames for tests, from the DICOM JSON of an instance. */
import { instancesOf, type Frame } from '../dicom/instance';
import type { Dataset } from '../dicom/json';

export function value(vr: string, ...Value: unknown[]): { vr: string; Value: unknown[] } {
  return { vr, Value };
}

export function dataset(changes: Dataset = {}): Dataset {
  return {
    '00080016': value('UI', '1.2.840.10008.5.1.4.1.1.2'), '00080018': value('UI', '1.2.3'), '00080060': value('CS', 'CT'),
    '0020000D': value('UI', '1'), '0020000E': value('UI', '1.2'), '00200013': value('IS', 1),
    '00280002': value('US', 1), '00280004': value('CS', 'MONOCHROME2'), '00280010': value('US', 4), '00280011': value('US', 4),
    '00280100': value('US', 16), '00280101': value('US', 12), '00280102': value('US', 11), '00280103': value('US', 0),
    ...changes,
  };
}

export function framesOf(...datasets: Dataset[]): Frame[] {
  return instancesOf('/dicom-web', datasets).flatMap((one) => one.frames);
}

/** An axial slice at a height. */
export function slice(number: number, z: number, changes: Dataset = {}): Dataset {
  return dataset({
    '00080018': value('UI', `1.2.3.${number}`), '00200013': value('IS', number),
    '00200032': value('DS', 0, 0, z), '00200037': value('DS', 1, 0, 0, 0, 1, 0), ...changes,
  });
}
