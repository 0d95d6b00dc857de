import { describe, expect, it } from 'vitest';
import type { Pane } from '../control/room';
import { layoutOf, shownBy, shownIn, told, wanted } from './panes';
import { difference, merged } from './state';

const pane = (series: string, uid: string, number: number, more: object = {}): Pane =>
  ({ series, state: 'stack', view: { frame: { number, instance: { series, uid } }, voi: null, chosen: false, invert: false, ...more } }) as unknown as Pane;
const EMPTY: Pane = { series: null, state: 'empty', view: null };
const WINDOW = { voi: { kind: 'window', window: { center: 40.04, width: 400, fn: 'LINEAR' } }, chosen: true };
const nowhere = (): null => null;
const NONE = new Map<string, number>();

describe('panes side by side', () => {
  const shown = [pane('1.2.3', '1.2.840.113619.1', 1), pane('1.2.4', '1.2.840.113619.2', 3), EMPTY, EMPTY];

  it('are told without the active one, and as one pane when there is one', () => {
    expect(told(shown, { count: 2, on: 0 }, nowhere, NONE)).toEqual({ l: [2, 0], s1: '1.2.4', i1: '1.2.840.113619.2', f1: 3 });
    expect(told(shown, { count: 4, on: 1 }, nowhere, NONE)).toEqual({ l: [4, 1], s0: '1.2.3', i0: '1.2.840.113619.1', f0: 1 });
    expect(told(shown, { count: 1, on: 3 }, nowhere, NONE)).toEqual({ l: [1, 0] });
  });

  it('are told with the window that was chosen, the camera, and the case of what is put beside', () => {
    const windowed = [EMPTY, pane('1.2.4', '1.2.5', 1, WINDOW), pane('1.2.4', '1.2.5', 1, { ...WINDOW, chosen: false }), pane('1.2.4', '1.2.5', 1, { invert: true })];
    const state = told(windowed, { count: 4, on: 0 }, (index) => (index === 1 ? [1, 2, 3, 350.5, 90, 0, 1] : null), new Map([['1.2.4', 2]]));
    expect([state.w1, state.w2, state.w3]).toEqual([[40, 400, 0], undefined, [0, 0, 1]]);
    expect([state.b1, state.b3]).toEqual([2, 2]);
    expect([state.z1, state.z2]).toEqual([[1, 2, 3, 350.5, 90, 0, 1], undefined]);
    expect(shownIn(state, 1, 0)).toEqual({ s: '1.2.4', i: '1.2.5', f: 1, w: [40, 400, 0], z: [1, 2, 3, 350.5, 90, 0, 1], b: 2 });
  });

  it('are told without the image while another series is on its way', () => {
    const late: Pane = { series: '1.2.5', state: 'stack', view: shown[1]?.view ?? null };
    expect(told([EMPTY, late], { count: 2, on: 0 }, nowhere, NONE)).toEqual({ l: [2, 0], s1: '1.2.5' });
    expect(shownBy(EMPTY, null, NONE)).toEqual({});
  });

  it('are told as differences, with shortened UIDs', () => {
    const before = told(shown, { count: 2, on: 0 }, nowhere, NONE);
    const after = { ...before, i1: '1.2.840.113619.3', w1: [40, 400, 0] };
    expect(difference(before, after)).toEqual({ i1: [15, '3'], w1: [40, 400, 0] });
    expect(merged(before, { i1: [15, '3'], w1: [40, 400, 0] })).toEqual(after);
    expect(merged(after, difference(after, told(shown, { count: 1, on: 0 }, nowhere, NONE)) ?? {})).toEqual({ l: [1, 0] });
  });

  it('are arranged as the presenter has them, as one on a phone, and left alone when nothing is told', () => {
    expect(wanted({ l: [4, 3] }, false)).toEqual({ count: 4, on: 3 });
    expect(wanted({ l: [4, 3] }, true)).toEqual({ count: 1, on: 0 });
    expect(wanted({ l: [3, 0] }, false)).toBeNull();
    expect(wanted({}, false)).toBeNull();
    expect([1, 2, 4].map((count) => layoutOf({ count, on: 0 }))).toEqual(['1x1', '1x2', '2x2']);
    expect(shownIn({ s: '1.2.9', i: '1.2.9.1' }, 0, 0)).toEqual({ s: '1.2.9', i: '1.2.9.1' });
  });
});
