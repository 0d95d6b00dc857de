import { describe, expect, it } from 'vitest';
import type { Frame } from '../reading/dicom/instance';
import { instancesOf } from '../reading/dicom/instance';
import type { Dataset } from '../reading/dicom/json';
import { FIT, kept, zoomed } from './lite/gestures';
import { addressOf, around, LARGE } from './lite/pictures';
import { windowsOf } from './lite/windows';

const of = (vr: string, ...Value: unknown[]): { vr: string; Value: unknown[] } => ({ vr, Value });

function frame(more: Dataset = {}): Frame {
  const dataset: Dataset = {
    '00080016': of('UI', '1.2.840.10008.5.1.4.1.1.2'), '00080018': of('UI', '1.3'), '0020000D': of('UI', '1.1'), '0020000E': of('UI', '1.2'),
    '00080060': of('CS', 'CT'), '00280010': of('US', 512), '00280011': of('US', 512), '00280100': of('US', 16), '00281053': of('DS', 1), '00281052': of('DS', -1024),
    '00281050': of('DS', 40), '00281051': of('DS', 400), ...more,
  };
  const [one] = instancesOf('/dicom-web', [dataset]);
  return one?.frames[0] as Frame;
}

describe('what is asked for', () => {
  it('is the picture as it is, unless it is larger than a screen', () => {
    expect(addressOf(frame(), '', LARGE)).toBe('/dicom-web/studies/1.1/series/1.2/instances/1.3/frames/1/rendered?quality=80');
    const large = frame({ '00280010': of('US', 3000), '00280011': of('US', 2400) });
    expect(new URLSearchParams(addressOf(large, '', LARGE).split('?')[1]).get('viewport')).toBe('819,1024');
  });

  it('has the window of the preset', () => {
    const windows = new Map(windowsOf(frame()));
    expect(windows.get('default')).toBe('');
    expect(windows.get('lung')).toBe('-600,1500,linear');
    expect(addressOf(frame(), windows.get('lung') ?? '', LARGE)).toContain('window=-600%2C1500%2Clinear');
  });

  it('offers Hounsfield windows for CT only, and none for colour', () => {
    expect(windowsOf(frame({ '00080060': of('CS', 'MR') })).map(([name]) => name)).toEqual(['default', 'narrow', 'wide', 'bright', 'dark']);
    expect(windowsOf(frame({ '00280002': of('US', 3) })).map(([name]) => name)).toEqual(['default']);
  });
});

describe('what is had ahead', () => {
  it('is the nearest first, more in the direction of the last step', () => {
    expect(around(10, 100, 1).slice(0, 5)).toEqual([11, 9, 12, 8, 13]);
    expect(around(10, 100, -1).slice(0, 3)).toEqual([9, 11, 8]);
    expect(around(10, 100, 1).filter((i) => i > 10)).toHaveLength(12);
    expect(around(10, 100, 1).filter((i) => i < 10)).toHaveLength(4);
  });

  it('stays inside the series', () => {
    expect(around(0, 3, 1)).toEqual([1, 2]);
    expect(around(2, 3, 1)).toEqual([1, 0]);
    expect(around(0, 1, 1)).toEqual([]);
  });
});

describe('magnifying', () => {
  it('keeps the point under the fingers where it is', () => {
    const view = zoomed(FIT, 2, 30, -10);
    // A point of the picture is on the screen at point * scale + offset.
    const point = (30 - FIT.x) / FIT.scale;
    expect(point * view.scale + view.x).toBeCloseTo(30);
  });

  it('ends at the whole picture', () => {
    expect(zoomed({ scale: 2, x: 5, y: 5 }, 0.3, 0, 0)).toEqual(FIT);
  });

  it('does not lose the picture', () => {
    expect(kept({ scale: 2, x: 5000, y: -5000 }, 100, 50)).toEqual({ scale: 2, x: 100, y: -50 });
  });
});
