import { describe, expect, it } from 'vitest';
import { letters, markers, orientationFromLetters } from '../dicom/orientation';
import { ordered } from '../dicom/series';
import { sorted } from '../dicom/sorting';
import { dataset, framesOf, slice, value } from './frames';

const numbers = (frames: readonly { instance: { number: number | null } }[]): (number | null)[] => frames.map((frame) => frame.instance.number);

describe('the order of frames', () => {
  it('follows geometry, beginning where the numbers begin', () => {
    const rising = sorted(framesOf(slice(3, 30), slice(1, 10), slice(2, 20)));
    expect([rising.order, ...numbers(rising.frames)]).toEqual(['geometry', 1, 2, 3]);
    const falling = sorted(framesOf(slice(1, 30), slice(2, 20), slice(3, 10)));
    expect(numbers(falling.frames)).toEqual([1, 2, 3]);
  });

  it('follows geometry where numbers are wrong in places', () => {
    expect(numbers(sorted(framesOf(slice(1, 0), slice(3, 5), slice(2, 10), slice(4, 15))).frames)).toEqual([1, 3, 2, 4]);
  });

  it('follows numbers when slices lie at one place, are turned, differ in size or have no geometry', () => {
    for (const odd of [slice(3, 10), slice(3, 30, { '00200037': value('DS', 0, 1, 0, 0, 0, -1) }), slice(3, 30, { '00280010': value('US', 8) }), dataset({ '00200013': value('IS', 3) })]) {
      const found = sorted(framesOf(slice(2, 5), odd, slice(1, 10)));
      expect([found.order, ...numbers(found.frames)]).toEqual(['number', 1, 2, 3]);
    }
  });

  it('keeps the frames of a multi-frame object in their order', () => {
    const cine = sorted(framesOf(dataset({ '00280008': value('IS', 3), '00181063': value('DS', '40') })));
    expect(cine.frames.map((frame) => frame.number)).toEqual([1, 2, 3]);
    expect(cine.frames[0]?.instance.frameRate).toBe(25);
  });

  it('reads positions and windows of enhanced objects from their functional groups', () => {
    const group = (z: number): object => ({
      '00209113': value('SQ', { '00200032': value('DS', 0, 0, z) }),
      '00289132': value('SQ', { '00281050': value('DS', z), '00281051': value('DS', 100) }),
    });
    const shared = {
      '00209116': value('SQ', { '00200037': value('DS', 1, 0, 0, 0, 1, 0) }),
      '00289110': value('SQ', { '00280030': value('DS', 0.5, 0.5), '00180050': value('DS', 2) }),
      '00289145': value('SQ', { '00281052': value('DS', -1024), '00281053': value('DS', 1), '00281054': value('LO', 'HU') }),
    };
    const found = sorted(framesOf(dataset({ '00280008': value('IS', 2), '52009229': value('SQ', shared), '52009230': value('SQ', group(20), group(10)) })));
    expect(found.order).toBe('geometry');
    expect(found.frames[0]).toMatchObject({ number: 1, intercept: -1024, thickness: 2, spacing: [0.5, 0.5], spacingSource: 'patient', windows: [{ center: 20, width: 100 }] });
    expect(found.frames[0]?.instance.valueUnit).toBe('HU');
  });
});

describe('millimetres', () => {
  const source = (changes: Parameters<typeof dataset>[0]): unknown => framesOf(dataset(changes))[0]?.spacingSource;

  it('are those of the patient, of the detector, or none', () => {
    expect(source({ '00280030': value('DS', 0.5, 0.5) })).toBe('patient');
    expect(source({ '00080060': value('CS', 'DX'), '00181164': value('DS', 0.1, 0.1) })).toBe('detector');
    expect(source({ '00080060': value('CS', 'CR'), '00280030': value('DS', 0.1, 0.1), '00181164': value('DS', 0.1, 0.1) })).toBe('detector');
    expect(source({ '00080060': value('CS', 'DX'), '00280030': value('DS', 0.09, 0.09), '00280A02': value('CS', 'FIDUCIAL') })).toBe('calibrated');
    expect(source({})).toBe('none');
  });

  it('are not made from an aspect ratio', () => {
    expect(framesOf(dataset({ '00280034': value('IS', 4, 3) }))[0]).toMatchObject({ spacingSource: 'none', spacing: [4 / 3, 1] });
  });
});

describe('orientation letters', () => {
  const axial = [1, 0, 0, 0, 1, 0];

  it('stand where they are in the patient', () => {
    expect(markers(axial, { row: [1, 0], column: [0, 1] })).toEqual({ left: 'R', right: 'L', top: 'A', bottom: 'P' });
  });

  it('follow flips and turns', () => {
    expect(markers(axial, { row: [-1, 0], column: [0, 1] })).toEqual({ left: 'L', right: 'R', top: 'A', bottom: 'P' });
    // turned right by 90 degrees: rows run down, columns run left
    expect(markers(axial, { row: [0, 1], column: [-1, 0] })).toEqual({ left: 'P', right: 'A', top: 'R', bottom: 'L' });
  });

  it('name oblique directions by their larger part first', () => {
    expect(letters([0, 0.8, -0.6])).toBe('PF');
    expect(letters([0.99, 0.1, 0])).toBe('L');
  });

  it('come from Patient Orientation for projections', () => {
    expect(orientationFromLetters('L', 'F')).toEqual([1, 0, 0, 0, 0, -1]);
    expect(orientationFromLetters('', 'F')).toBeNull();
  });
});

describe('the order of series', () => {
  it('puts acquired images first, then derived ones, then what has no images', () => {
    const one = (modality: string, number: number) => ({ uid: `${modality}${number}`, modality, number, description: '', bodyPart: '', instances: 1 });
    expect(ordered([one('SR', 1), one('SEG', 1), one('CT', 3), one('CT', 2)]).map((found) => found.uid)).toEqual(['CT2', 'CT3', 'SEG1', 'SR1']);
  });
});
