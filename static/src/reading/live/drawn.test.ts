import { describe, expect, it } from 'vitest';
import { together, type Note } from '../notes/model';
import type { Act } from '../notes/store';
import { standing, toldOf } from './drawn';
import type { Event } from './room';

const ACT: Act = {
  client: 'act-0001', id: 'a', kind: 'put',
  body: { tool: 'length', text: 'nốt', series_instance_uid: '1.2', sop_instance_uid: '1.2.3', frame: 1, frame_of_reference_uid: '1.9', points: [[1, 2], [3, 4]] },
};
let n = 0;
const told = (by: string, act: Partial<Act> = {}, position = 0, more: Record<string, unknown> = {}): Event =>
  ({ n: ++n, at: n, by, kind: 'annotation', body: { ...toldOf({ ...ACT, ...act }, position), ...more } });

describe('what is drawn in a room', () => {
  it('is told with the UIDs that the room exchanges for copies, and with no other', () => {
    const body = toldOf(ACT, 2);
    expect(body).toMatchObject({ case: 2, SeriesInstanceUID: '1.2', SOPInstanceUID: '1.2.3', frame: 1, annotation: 'a', act: 'put' });
    expect(JSON.stringify(body)).not.toContain('1.9');
    expect(new TextEncoder().encode(JSON.stringify(toldOf({ ...ACT, body: { ...ACT.body, text: 'ế'.repeat(2000) } }, 0))).length).toBeLessThan(4000);
  });

  it('is what the newest act of its author left, of this case', () => {
    const moved = { ...ACT.body, points: [[1, 2], [9, 9]] as [number, number][] };
    const list = [told('user-1'), told('user-2', { id: 'b' }, 1), told('user-1', { body: moved })];
    expect([...standing(list, 0).values()]).toMatchObject([{ id: 'a', by: 'user-1', deleted: false, body: { points: [[1, 2], [9, 9]] } }]);
    expect([...standing(list, 1).keys()]).toEqual(['b']);
    expect(standing([...list, told('user-1', { kind: 'delete' })], 0).get('a')?.deleted).toBe(true);
    expect(standing([...list, told('user-1', { kind: 'delete' }), told('user-1', { kind: 'restore' })], 0).get('a')?.deleted).toBe(false);
  });

  it('is changed by nobody else, and is a drawing', () => {
    expect(standing([told('user-1'), told('user-2', { kind: 'delete' })], 0).get('a')).toMatchObject({ by: 'user-1', deleted: false });
    for (const more of [{ tool: 'brush' }, { points: [[1, 2]] }, { points: [[1, 2], [3, 'x']] }, { annotation: 7 }]) expect(standing([told('user-1', {}, 0, more)], 0).size).toBe(0);
  });

  it('is shown once when it comes by the hospital too, in the colour of the room', () => {
    const note = { id: 'a', mine: false, deleted: false, author: { id: 1, name: 'minh' }, body: ACT.body } as Note;
    const drawing = { id: 'a', by: 'user-1', name: 'minh', colour: '#123456', at: 1, deleted: false, body: ACT.body };
    const room = new Map([['a', drawing], ['b', { ...drawing, id: 'b' }]]);
    expect(together(new Map([['a', note]]), room)).toMatchObject([{ id: 'a', colour: '#123456' }, { id: 'b', mine: false, author: { name: 'minh' } }]);
    expect(together(new Map([['a', { ...note, mine: true }]]), room)[0]?.colour).toBeUndefined();
  });
});
