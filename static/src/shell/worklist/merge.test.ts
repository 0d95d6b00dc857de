import { describe, expect, it } from 'vitest';
import { append, insert, overlay } from './merge';
import type { Study } from './model';

const study = (uid: string, some: Partial<Study> = {}): Study => ({
  hospital: 'main', hospital_name: 'Bệnh viện', StudyInstanceUID: uid, PatientName: 'Nguyễn Văn An', PatientID: '1', PatientBirthDate: '',
  PatientSex: 'M', StudyDate: '', StudyTime: '', StudyDescription: '', AccessionNumber: '', ReferringPhysicianName: '', InstitutionName: '',
  modalities: ['CT'], series: 1, instances: 1, images: 1, documents: 0, bytes: 1, status: 'unread', conflicts: 0, received_at: 0, changed_at: 0, ...some,
});
const uids = (rows: Study[]): string[] => rows.map((row) => row.StudyInstanceUID);

describe('news laid over the list', () => {
  const rows = [study('a'), study('b'), study('c')];

  it('changes rows where they stand, whatever order the news has', () => {
    const merged = overlay(rows, [study('c', { instances: 9 }), study('a')]);
    expect(uids(merged.rows)).toEqual(['a', 'b', 'c']);
    expect(merged.rows[2]?.instances).toBe(9);
    expect(merged.flashed).toEqual(['main/c']);
    expect(merged.fresh).toEqual([]);
  });

  it('leaves the very same list when nothing visible changed', () => {
    expect(overlay(rows, [study('a', { changed_at: 5 })]).rows).toBe(rows);
  });

  it('hands back what is not in the list', () => {
    expect(uids(overlay(rows, [study('x'), study('a'), study('y')]).fresh)).toEqual(['x', 'y']);
  });

  it('knows the same study of two hospitals apart', () => {
    const merged = overlay(rows, [study('a', { hospital: 'other', instances: 5 })]);
    expect(merged.rows).toBe(rows);
    expect(merged.fresh).toHaveLength(1);
  });
});

describe('new studies', () => {
  it('stand where the page has them, and keep every row that is there', () => {
    expect(uids(insert([study('a'), study('b'), study('old')], [study('n'), study('a'), study('m'), study('b')]))).toEqual(['n', 'a', 'm', 'b', 'old']);
    expect(uids(insert([], [study('a'), study('b')]))).toEqual(['a', 'b']);
  });

  it('are appended once', () => {
    expect(uids(append([study('a'), study('b')], [study('b'), study('c')]))).toEqual(['a', 'b', 'c']);
  });
});
