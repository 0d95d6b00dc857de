import { describe, expect, it } from 'vitest';
import { setLanguage } from '../../common/i18n';
import { BINDINGS, commandOf, keyOf, typing } from '../control/keyboard';
import { outward, Prefetch } from '../control/prefetch';
import { CT, presetsFor } from '../control/presets';
import { readings } from '../control/readings';
import type { Frame } from '../dicom/instance';
import { commandLabel } from '../panels/labels';
import { reading } from '../strings';
import { dataset, framesOf, slice, value } from './frames';

const press = (key: string, code = '', more: Partial<KeyboardEvent> = {}): Parameters<typeof commandOf>[0] => ({
  key, code, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more,
});

describe('keys', () => {
  it('are each bound once', () => {
    const keys = BINDINGS.flatMap((binding) => binding.keys);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('do what the map says', () => {
    expect(commandOf(press('ArrowDown'))).toEqual({ do: 'image', by: 1 });
    expect(commandOf(press('ArrowUp', '', { shiftKey: true }))).toEqual({ do: 'image', by: -10 });
    expect(commandOf(press('2', 'Digit2'))).toEqual({ do: 'preset', key: 2 });
    expect(commandOf(press('2', 'Numpad2'))).toEqual({ do: 'preset', key: 2 });
    expect(commandOf(press('d', 'KeyD'))).toEqual({ do: 'tool', tool: 'length' });
    expect(commandOf(press('z', 'KeyZ', { ctrlKey: true }))).toEqual({ do: 'undo' });
    expect(commandOf(press(' ', 'Space'))).toEqual({ do: 'reset' });
    expect(commandOf(press('+', 'Equal', { shiftKey: true }))).toEqual({ do: 'zoomIn' });
    expect(commandOf(press('E', 'KeyE', { shiftKey: true }))).toEqual({ do: 'tool', tool: 'rectangle' });
  });

  it('hold under a Vietnamese input method, which writes đ for a key', () => {
    expect(commandOf(press('đ', 'KeyD'))).toEqual({ do: 'tool', tool: 'length' });
  });

  it('leave the keys of the browser and of fields alone', () => {
    expect(commandOf(press('r', 'KeyR', { ctrlKey: true }))).toBeNull();
    expect(commandOf(press('ArrowLeft', '', { altKey: true }))).toBeNull();
    expect(typing(document.createElement('input'))).toBe(true);
    expect(typing(document.createElement('button'))).toBe(false);
  });

  it('have names in both languages', () => {
    for (const language of ['vi', 'en'] as const) {
      setLanguage(language);
      for (const { command } of BINDINGS) expect(commandLabel(command)).toMatch(/\S/);
    }
    expect(keyOf({ do: 'tool', tool: 'window' })).toBe('W');
  });
});

describe('presets', () => {
  it('are the eight of CT, in HU only', () => {
    expect(CT.map((one) => [one.key, one.window({ min: 0, max: 0, window: { center: 0, width: 0, fn: 'LINEAR' } })].flat())).toHaveLength(8);
    expect(presetsFor('CT', 'HU').find((one) => one.key === 2)?.window({ min: 0, max: 1, window: { center: 0, width: 1, fn: 'LINEAR' } })).toEqual({ center: -600, width: 1500, fn: 'LINEAR' });
    expect(presetsFor('CT', '')).not.toBe(CT);
    expect(presetsFor('MR', '')[0]?.window({ min: 10, max: 30, window: { center: 0, width: 1, fn: 'LINEAR' } })).toMatchObject({ center: 20, width: 20 });
  });
});

describe('readings', () => {
  const ct = framesOf(slice(1, 0, { '00280030': value('DS', 0.5, 0.5), '00281052': value('DS', -1024), '00281053': value('DS', 1) }))[0] as Frame;

  it('write HU and millimetres in the language of the page', () => {
    setLanguage('vi');
    expect(readings({ area: 2827.43, areaUnit: 'mm²', mean: -824.36, stdDev: 28.1, min: -900, max: -700 }, ct)).toEqual([
      `${reading('area')} 2827 mm²`, `${reading('mean')} -824,4 HU · ${reading('deviation')} 28,1`, `${reading('range')} -900 … -700`,
    ]);
    setLanguage('en');
    expect(readings({ length: 92.04, unit: 'mm' }, ct)).toEqual(['92.0 mm']);
  });

  it('say where millimetres come from, or that there are none', () => {
    setLanguage('en');
    const plain = framesOf(dataset())[0] as Frame;
    expect(readings({ length: 12, unit: 'px' }, plain)).toEqual(['12.0 px']);
    expect(readings({ length: 1.25, unit: 'cm US Region' }, plain)).toEqual([`12.5 mm (${reading('fromRegion')})`]);
    const detector = framesOf(dataset({ '00080060': value('CS', 'DX'), '00181164': value('DS', 0.1, 0.1) }))[0] as Frame;
    expect(readings({ length: 10, unit: 'mm' }, detector)).toEqual([`10.0 mm (${reading('atDetector')})`]);
    expect(readings({ mean: 10, stdDev: 1, min: 1, max: 2 }, detector)[0]).not.toContain('HU');
  });
});

describe('prefetch', () => {
  it('goes outward from the present frame', () => {
    expect([...outward(3, 6)]).toEqual([3, 4, 2, 5, 1, 0]);
    expect([...outward(0, 3)]).toEqual([0, 1, 2]);
  });

  it('keeps five under way, nearest first, and stops when memory is full', async () => {
    const frames = framesOf(...Array.from({ length: 20 }, (_, i) => slice(i, i)));
    const asked: number[] = [];
    const done: (() => void)[] = [];
    const viewer = { full: false, has: () => false, isPreview: () => false, finish: () => Promise.resolve(), ahead: (frame: Frame) => new Promise<void>((resolve) => {
      asked.push(frame.instance.number ?? -1);
      done.push(resolve);
    }) };
    const prefetch = new Prefetch(viewer, () => [{ frames, from: 10 }], (frame) => asked.includes(frame.instance.number ?? -1));
    prefetch.pump();
    expect(asked).toEqual([10, 11, 9, 12, 8]);
    viewer.full = true;
    done[0]?.();
    await new Promise((resolve) => setTimeout(resolve));
    expect(asked).toHaveLength(5);
  });
});
