import { describe, expect, it } from 'vitest';
import { bytes, dictionaries, fill, language, list, number, relative, setLanguage, strings } from './i18n';
import './strings';

// Every dictionary of the program registers itself when its module is loaded.
const modules = import.meta.glob(['../**/strings.ts', '!./strings.ts'], { eager: true });

const holes = (sentence: string): string[] => [...sentence.matchAll(/\{(\w+)/g)].map((match) => match[1] ?? '').sort();

describe('the dictionaries', () => {
  it('are all loaded here', () => {
    expect(dictionaries.length).toBeGreaterThanOrEqual(Object.keys(modules).length + 1);
  });

  it('have exactly the same keys in both languages', () => {
    for (const { vi, en } of dictionaries) expect(Object.keys(en).sort()).toEqual(Object.keys(vi).sort());
  });

  it('fill the same holes in both languages', () => {
    for (const { vi, en } of dictionaries) {
      for (const [key, sentence] of Object.entries(vi)) {
        expect([key, [...new Set(holes(en[key] ?? ''))]]).toEqual([key, [...new Set(holes(sentence))]]);
      }
    }
  });

  it('leave no text empty, and Vietnamese in composed form', () => {
    for (const { vi, en } of dictionaries) {
      for (const text of [...Object.values(vi), ...Object.values(en)]) {
        expect(text.trim()).not.toBe('');
        expect(text).toBe(text.normalize('NFC'));
      }
    }
  });
});

describe('a sentence', () => {
  const t = strings({ found: '{count} ca' }, { found: '{count} {count|study|studies}' });

  it('follows the language at once and chooses the plural', () => {
    setLanguage('en');
    expect([t('found', { count: 1 }), t('found', { count: 1200 })]).toEqual(['1 study', '1,200 studies']);
    setLanguage('vi');
    expect(t('found', { count: 1200 })).toBe('1.200 ca');
    expect(document.documentElement.lang).toBe('vi');
    expect(localStorage.getItem('hoichan.language')).toBe('vi');
  });

  it('keeps a hole nobody fills and never reads markup', () => {
    expect(fill('{a} {b}', { a: '<b>' })).toBe('<b> {b}');
  });
});

describe('numbers and times', () => {
  it('are written as the language writes them', () => {
    setLanguage('vi');
    expect([number(1234567), bytes(1_432_000_000), bytes(512)]).toEqual(['1.234.567', '1,4 GB', '512 B']);
    expect(list(['CT', 'MR', 'US'])).toBe('CT, MR và US');
    language.value = 'en';
    expect(bytes(1_432_000_000)).toBe('1.4 GB');
  });

  it('are told from now', () => {
    const now = 1_800_000_000_000;
    setLanguage('vi');
    expect(relative(now - 20_000, now)).toBe('vừa xong');
    expect(relative(now - 5 * 60_000, now)).toBe('5 phút trước');
    setLanguage('en');
    expect(relative(now - 3 * 3600_000, now)).toBe('3 hours ago');
    expect(relative(now - 86_400_000, now)).toBe('yesterday');
  });
});
