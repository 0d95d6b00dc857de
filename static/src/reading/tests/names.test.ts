import { describe, expect, it } from 'vitest';
import { setLanguage } from '../../common/i18n';
import { displayName } from '../dicom/names';
import names from '../dicom/names.json';
import { titleOf } from '../panels/labels';

const NAMES = names as [string, string][];

describe('a person name of an image', () => {
  it.each(NAMES)('%j is written %j, as the server writes it', (name, shown) => expect(displayName(name)).toBe(shown));

  it('is read from DICOM JSON, whether composed or not', () => {
    expect(displayName({ Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎' })).toBe('Yamada, Tarou (山田 太郎)');
    expect(displayName({ Phonetic: 'Le^Hoa' })).toBe('Le Hoa');
    expect(displayName('Nguyễn^An'.normalize('NFD'))).toBe('Nguyễn An');
  });
});

describe('the title of the tab', () => {
  it('says what is read, not whose', () => {
    setLanguage('en');
    const shown = { PatientName: 'Doe, Peter', PatientID: 'BN-1', StudyDescription: 'CT Doe', modalities: ['CT', 'SR', 'Doe Peter'], StudyDate: '20260131' };
    expect([titleOf(shown), titleOf(null)]).toEqual(['CT SR 31/01/2026 · Reading room', 'Reading room']);
  });
});
