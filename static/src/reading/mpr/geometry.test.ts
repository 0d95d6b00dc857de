import { describe, expect, it } from 'vitest';
import { framesOf, slice, value } from '../tests/frames';
import type { Frame } from '../dicom/instance';
import { sorted } from '../dicom/sorting';
import { ALL, AXIAL, coded, CORONAL, decoded, dot, indexOf, lineOf, middleOf, nearest, onFrame, placeOf, planesOf, SAGITTAL, sampled, screenOf, stepOf, turned, volumeOf, type Point, type Volume } from './geometry';

const near = (a: readonly number[], b: readonly number[]): void => a.forEach((one, n) => expect(one).toBeCloseTo(b[n] as number, 5));

/** Eight slices, 4 × 4 pixels of 1 mm, 2 mm apart. */
function eight(): Volume {
  const frames = sorted(framesOf(...Array.from({ length: 8 }, (_, n) => slice(n + 1, n * 2, { '00280030': value('DS', 1, 1) })))).frames;
  const volume = volumeOf(frames);
  if (!volume) throw new Error('no volume');
  return volume;
}

describe('planes through a stack', () => {
  it('are offered for even stacks of grey slices only', () => {
    expect(eight().size).toEqual([4, 4, 8]);
    const stack = (...places: number[]): ReturnType<typeof volumeOf> => volumeOf(sorted(framesOf(...places.map((z, n) => slice(n + 1, z, { '00280030': value('DS', 1, 1) })))).frames);
    expect(stack(0, 2, 4)).toBeNull();
    expect(stack(0, 2, 4, 6)).not.toBeNull();
    expect(stack(0, 2, 4, 8, 10)).toBeNull();
    expect(volumeOf(framesOf(...[0, 2, 4, 6].map((z, n) => slice(n + 1, z, { '00280030': value('DS', 1, 1), '00280002': value('US', 3) }))))).toBeNull();
  });

  it('name places in the patient, whatever way the slices lie', () => {
    const sagittal = (n: number): object => ({ '00200032': value('DS', n * 2, 5, 60), '00200037': value('DS', 0, 1, 0, 0, 0, -1), '00280030': value('DS', 1, 1) });
    const volume = volumeOf(sorted(framesOf(...Array.from({ length: 8 }, (_, n) => slice(n + 1, 0, sagittal(n) as never)))).frames) as Volume;
    const at = placeOf(volume, [1, 2, 3]);
    near(indexOf(volume, at), [1, 2, 3]);
    const found = nearest(volume, at);
    expect([found.index, ...found.point]).toEqual([3, 1, 2]);
    expect(onFrame(volume.frames[3] as Frame, at)).toEqual({ point: [1, 2], off: 0 });
    expect(onFrame(volume.frames[2] as Frame, at)?.off).toBe(2);
  });

  it('stand on one another, also when they were turned', () => {
    let planes = planesOf(eight());
    expect(screenOf(planes, AXIAL)).toEqual({ right: [1, 0, 0], down: [0, 1, 0], normal: [0, 0, 1] });
    near(screenOf(planes, CORONAL).down, [0, 0, -1]);
    near(screenOf(planes, SAGITTAL).right, [0, 1, 0]);
    planes = turned(turned(planes, AXIAL, 0.3), SAGITTAL, -0.2);
    for (const which of ALL) {
      const { right, down, normal } = screenOf(planes, which);
      for (const [a, b] of [[right, down], [down, normal], [right, normal]] as [Point, Point][]) expect(dot(a, b)).toBeCloseTo(0, 6);
    }
    near(turned(turned(planes, AXIAL, 0.5), AXIAL, -0.5).axes.flat(), planes.axes.flat());
    const straight = planesOf(eight());
    expect(lineOf(straight, AXIAL, CORONAL).map(Math.abs)).toEqual([1, 0]);
    const [x, y] = lineOf(turned(straight, AXIAL, 0.3), AXIAL, CORONAL);
    expect(Math.atan(y / x)).toBeCloseTo(0.3, 6);
    near(screenOf(turned(straight, AXIAL, 0.3), AXIAL).right, [1, 0, 0]);
  });

  it('show the values that are there, and interpolate between slices', () => {
    const volume = eight();
    const slices = volume.frames.map((_, n) => ({ values: Int16Array.from({ length: 16 }, (__, i) => n * 100 + i), padding: null }));
    const out = new Float32Array(16);
    const axial = (slice: number): number[] => {
      sampled(volume, slices, placeOf(volume, [1.5, 1.5, slice]), [1, 0, 0], [0, 1, 0], 1, 4, 4, out);
      return [...out];
    };
    expect(axial(3)).toEqual([...(slices[3]?.values ?? [])]);
    near(axial(3.5), [...(slices[3]?.values ?? [])].map((one) => one + 50));
    const coronal = new Float32Array(4 * 15);
    sampled(volume, slices, placeOf(volume, [1.5, 2, 3.5]), [1, 0, 0], [0, 0, 1], 1, 4, 15, coronal);
    near([...coronal.subarray(0, 4)], [8, 9, 10, 11]);
    near([...coronal.subarray(4, 8)], [58, 59, 60, 61]);
    expect(axial(9).every(Number.isNaN)).toBe(true);
  });

  it('show nothing where a slice is not here or a pixel is none', () => {
    const volume = eight();
    const slices = volume.frames.map((_, n) => (n === 4 ? null : { values: new Int16Array(16).fill(n === 0 ? -2000 : n), padding: [-2000, -2000] as const }));
    const out = new Float32Array(1);
    const at = (slice: number): number => {
      sampled(volume, slices, placeOf(volume, [1, 1, slice]), [1, 0, 0], [0, 1, 0], 1, 1, 1, out);
      return out[0] as number;
    };
    expect([at(3), at(4), at(4.5), at(0), at(1)].map((one) => (Number.isNaN(one) ? null : one))).toEqual([3, null, null, null, 1]);
  });

  it('step as finely as the slices lie, and keep the middle of the screen', () => {
    const volume = eight();
    expect(stepOf(volume, [0, 0, 1])).toBe(2);
    expect(stepOf(volume, [1, 0, 0])).toBe(1);
    const planes = { ...planesOf(volume), centre: [3, 1, 10] as Point };
    near(middleOf(planes, AXIAL), [1.5, 1.5, 10]);
  });

  it('cross the wire', () => {
    const planes = turned(planesOf(eight(), [1.25, 2, 3]), CORONAL, 0.4);
    const told = coded(planes);
    expect(told.length).toBeLessThanOrEqual(16);
    const back = decoded(told);
    expect(back).not.toBeNull();
    near(coded(back as NonNullable<typeof back>), told);
    for (const bad of [[], told.slice(1), told.map(() => 0), [...told.slice(0, 6), ...told.slice(3, 6), ...told.slice(9)], [...told.slice(0, 12), -1]]) expect(decoded(bad)).toBeNull();
  });
});
