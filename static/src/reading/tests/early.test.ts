import { describe, expect, it } from 'vitest';
import { viewOf } from '../control/early';
import { paintInto } from '../pixels/painting';
import type { Picture } from '../pixels/picture';
import { dataset, framesOf, value } from './frames';

function picture(changes: Partial<Picture> = {}, inverted = false): Picture {
  const [frame] = framesOf(dataset(inverted ? { '00280004': value('CS', 'MONOCHROME1') } : {}));
  if (!frame) throw new Error('no frame');
  return {
    frame, rows: 1, columns: 3, transferSyntax: '', source: 'preview', reason: '',
    grid: { values: new Int16Array([-100, 50, 300]), min: -100, max: 300, padding: null }, rgb: null,
    choices: [{ voi: { kind: 'window', window: { center: 50, width: 101, fn: 'LINEAR' } }, explanation: 'SOFT' }],
    bytes: 6, quality: { rmse: 8, maxError: 50, unit: 'HU' }, ...changes,
  };
}

function painted(of: Picture, invert = false, samples = 3): number[] {
  const out = new Uint8Array(samples);
  paintInto(out, of, null, invert);
  return [...out];
}

describe('what of a picture is seen', () => {
  it('goes through the window the instance asks for', () => {
    expect(painted(picture())).toEqual([0, 129, 255]);
  });

  it('is inverted by the instance, by the reader, or by both', () => {
    expect(painted(picture({}, true))).toEqual([255, 126, 0]);
    expect(painted(picture(), true)).toEqual([255, 126, 0]);
    expect(painted(picture({}, true), true)).toEqual([0, 129, 255]);
  });

  it('is the colours themselves where there are some', () => {
    const rgb = new Uint8Array([1, 2, 3]);
    expect(painted(picture({ grid: null, rgb, choices: [] }))).toEqual([1, 2, 3]);
    expect(painted(picture({ grid: null, rgb, choices: [] }), true)).toEqual([254, 253, 252]);
  });
});

describe('the early image', () => {
  it('fills its box as the viewer has it: whole, in the middle, the first pixel by its centre', () => {
    const view = viewOf(picture({ rows: 512, columns: 512 }), { clientWidth: 1131, clientHeight: 752 }, 19, 40);
    expect(view).toMatchObject({ index: 19, count: 40, name: 'SOFT', chosen: false, waiting: false });
    expect(view.pixel).toEqual([1.46875, 1.46875]);
    expect(view.origin).toEqual([(1131 - 1.46875 * 511) / 2, 0.734375]);
    expect(view.onScreen).toEqual({ row: [1, 0], column: [0, 1] });
  });
});
