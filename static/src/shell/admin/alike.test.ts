import { afterEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '../../common/api';
import * as api from '../../common/api';
import { alike, decideAll, isAlike } from './alike';
import type { Conflict } from './compare';

const ONE: Conflict = {
  id: 1, kind: 'instance', study_instance_uid: '1.2', sop_instance_uid: '1.2.1', patient_id: 'BN002', patient_name: 'Trần Văn Bình',
  door: 'dicom', source: 'CT1', address: '10.0.0.5', at: 0, resolved: false, action: '',
};
const conflict = (id: number, some: Partial<Conflict> = {}): Conflict => ({ ...ONE, id, sop_instance_uid: `1.2.${id}`, ...some });

afterEach(() => vi.restoreAllMocks());

describe('conflicts of one sending', () => {
  it('come from the same sender about the same patient', () => {
    expect(isAlike(ONE, conflict(2))).toBe(true);
    for (const other of [{ source: 'CT2' }, { door: 'stow' }, { patient_id: 'BN003' }, { patient_name: 'Lê Văn Minh' }, { kind: 'patient' }, { study_instance_uid: '1.3' }]) {
      expect(isAlike(ONE, conflict(2, other))).toBe(false);
    }
  });

  it('are found on all pages, without the one that is looked at', async () => {
    const asked = vi.spyOn(api, 'get').mockImplementation((_, query) => Promise.resolve(
      query?.before === undefined
        ? { conflicts: [conflict(9), conflict(8, { source: 'CT2' })], next: 8 }
        : { conflicts: [conflict(7), ONE], next: null },
    ));
    const found = await alike(ONE, new AbortController().signal);
    expect(found.map(({ id }) => id)).toEqual([9, 7]);
    expect(asked.mock.calls.map(([, query]) => query?.study)).toEqual(['1.2', '1.2']);
  });

  it('are decided one by one; what others decided meanwhile is passed over, anything else ends it', async () => {
    const refused: Record<number, number> = { 2: 409, 4: 503 };
    const posted = vi.spyOn(api, 'post').mockImplementation((path) => {
      const status = refused[Number(/\d+/.exec(path)?.[0])];
      return status ? Promise.reject(new Problem(status, '', 'x', 'x')) : Promise.resolve({});
    });
    const told: number[] = [];
    await expect(decideAll([conflict(2), conflict(3), conflict(4), conflict(5)], 'keep', 'vì', (count) => told.push(count))).rejects.toThrow();
    expect(told).toEqual([1, 2]);
    expect(posted.mock.calls.map(([path]) => path)).toEqual([2, 3, 4].map((id) => `/api/admin/conflicts/${id}/decision`));
  });
});
