import { describe, expect, it } from 'vitest';
import { safeNext } from '../common/api';
import { isLitter } from './import/collect';
import { good, rules } from './password';
import { parse } from './route';

describe('a route', () => {
  it('is read from the fragment', () => {
    expect(parse('#/setup/abc%2F1').parts).toEqual(['setup', 'abc/1']);
    expect(parse('#/').parts).toEqual([]);
    expect(parse('#/sign-in?next=%2Fread%2F1.2').query.get('next')).toBe('/read/1.2');
    expect(parse('#/%E0%A4%A').parts).toEqual(['%E0%A4%A']);
  });

  it('leads only to pages of this server after signing in', () => {
    expect(safeNext('/read/1.2.3')).toBe('/read/1.2.3');
    expect(safeNext('/')).toBe('/');
    for (const bad of ['https://elsewhere', '//elsewhere', '/\\elsewhere', 'javascript:alert(1)', '', null]) expect(safeNext(bad)).toBeNull();
  });
});

describe('the password rules', () => {
  it('are those of the server', () => {
    expect(good(rules('trời xanh mây trắng', 'an'))).toBe(true);
    expect(rules('ngắn', 'an').length).toBe(false);
    expect(rules('An.Nguyen-', 'annguyen').notName).toBe(false);
    expect(rules('aaaaaaaaaaaa', 'an').variety).toBe(false);
    expect(rules('matkhau123456', 'an').variety).toBe(false);
  });
});

describe('an import', () => {
  it('leaves out what nobody means to bring in', () => {
    expect(['CD/._IM1', 'CD/autorun.inf', 'CD/viewer.exe', '__MACOSX/a', 'x/.DS_Store'].every(isLitter)).toBe(true);
    expect(['CD/DICOMDIR', 'IM0001', '1.2.840.113', 'a.dcm', 'all.zip'].some(isLitter)).toBe(false);
  });
});
