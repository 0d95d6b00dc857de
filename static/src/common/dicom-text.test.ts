import { beforeEach, describe, expect, it } from 'vitest';
import { age, dicomDate, dicomTime, toDicomDate } from './dicom-text';
import { setLanguage } from './i18n';

beforeEach(() => setLanguage('vi'));

describe('dates and times', () => {
  it('read DICOM, old and new, and leave what is neither', () => {
    expect([dicomDate('20260131'), dicomDate('2026.01.31'), dicomDate('2026'), dicomDate('')]).toEqual(['31/01/2026', '31/01/2026', '2026', '']);
    expect([dicomTime('101530.123'), dicomTime('10:15'), dicomTime('')]).toEqual(['10:15', '10:15', '']);
    expect(toDicomDate(new Date(2026, 0, 5))).toBe('20260105');
  });
});

describe('an age', () => {
  it('comes from PatientAge first', () => {
    expect([age('045Y'), age('011M'), age('003W'), age('006D')]).toEqual(['45 tuổi', '11 tháng', '3 tuần', '6 ngày']);
  });

  it('comes from the dates else, small children in months', () => {
    expect(age('', '19800615', '20260614')).toBe('45 tuổi');
    expect(age('', '20250101', '20260301')).toBe('14 tháng');
    expect(age('', '20270101', '20260301')).toBe('');
    setLanguage('en');
    expect(age('', '19800615', '20260615')).toBe('46 y');
  });
});
