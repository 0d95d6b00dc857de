import { beforeEach, describe, expect, it, vi } from 'vitest';
import { apiOf, pageOf, webOf } from '../../common/at';
import type * as Place from '../dicom/place';

async function openedAt(path: string): Promise<typeof Place> {
  vi.resetModules();
  vi.stubGlobal('location', { pathname: path });
  return import('../dicom/place');
}

describe('a study at a hospital', () => {
  beforeEach(() => vi.unstubAllGlobals());

  it('has addresses that name the hospital, or none', () => {
    const study = { StudyInstanceUID: '1.2.3', hospital: 'lao-cai' };
    expect([pageOf(study), apiOf(study), webOf(study)]).toEqual([
      '/at/lao-cai/read/1.2.3', '/at/lao-cai/api/studies/1.2.3', '/at/lao-cai/dicom-web/studies/1.2.3',
    ]);
    expect(pageOf({ StudyInstanceUID: '1.2.3', hospital: null })).toBe('/read/1.2.3');
  });

  it('is told from another of the same UID', async () => {
    const { isOpen, root, studyAt, studyPlace, studyUid } = await openedAt('/at/lao-cai/read/1.2.3');
    expect([studyUid.value, studyAt.value, root()]).toEqual(['1.2.3', '/at/lao-cai', '/at/lao-cai/dicom-web']);
    expect(isOpen({ StudyInstanceUID: '1.2.3', hospital: 'lao-cai' })).toBe(true);
    expect(isOpen({ StudyInstanceUID: '1.2.3', hospital: 'bach-mai' })).toBe(false);
    expect(isOpen({ StudyInstanceUID: '1.2.3', hospital: null })).toBe(true);
    expect(isOpen({ StudyInstanceUID: '1.2.4', hospital: 'lao-cai' })).toBe(false);
    const before = studyPlace.value;
    studyAt.value = '/at/bach-mai';
    expect(studyPlace.value).not.toBe(before);
  });

  it('may be named by its UID alone', async () => {
    const { isOpen, root, studyUid } = await openedAt('/read/1.2.3');
    expect([studyUid.value, root()]).toEqual(['1.2.3', '/dicom-web']);
    expect(isOpen({ StudyInstanceUID: '1.2.3', hospital: 'lao-cai' })).toBe(true);
    expect((await openedAt('/read/-')).studyUid.value).toBe('');
  });
});
