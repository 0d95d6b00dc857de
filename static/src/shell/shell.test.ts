import { describe, expect, it } from 'vitest';
import { safeNext } from '../common/api';
import { setLanguage } from '../common/i18n';
import { isLitter } from './import/collect';
import { reasonText } from './import/reasons';
import { good, rules } from './password';
import { parse } from './route';
import { countText, documentKind } from './worklist/cells';

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
    expect(safeNext('/read/-#room=aB_-9')).toBe('/read/-#room=aB_-9');
    expect(safeNext('/at/lao-cai/read/1.2.3?consult=aB')).toBe('/at/lao-cai/read/1.2.3?consult=aB');
    expect(safeNext('/at/../read/1.2.3')).toBeNull();
    expect(safeNext('/at/lao-cai/api/session')).toBeNull();
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

describe('a reason', () => {
  it('is told in Vietnamese with its facts, and kept when it is new', () => {
    setLanguage('vi');
    expect(reasonText('there is no Study Instance UID')).toBe('Thiếu Study Instance UID');
    expect(reasonText('(0028,0010) claims 12 bytes, 3 are left')).toBe('(0028,0010) khai 12 byte nhưng chỉ còn 3 byte');
    expect(reasonText('members of the ZIP archive overlap')).toBe('Tệp ZIP không hợp lệ (members of the ZIP archive overlap)');
    expect(reasonText('another content is stored under this SOP Instance UID')).toBe('SOP Instance UID này đã có với nội dung khác');
    expect(reasonText('something else')).toBe('something else');
    setLanguage('en');
    expect(reasonText('there is no Study Instance UID')).toBe('There is no Study Instance UID');
  });
});

describe('what has no images', () => {
  it('is named for what it is and counted apart from images', () => {
    setLanguage('vi');
    expect([documentKind('SR'), documentKind('ECG'), documentKind('CT')]).toEqual(['Kết quả có cấu trúc', 'Dạng sóng (điện tâm đồ)', null]);
    const counted = (images: number, documents: number): string => countText({ images, documents });
    expect([counted(0, 1), counted(200, 2), counted(3, 0), counted(0, 0)]).toEqual(['1 tài liệu', '200 ảnh + 2 tài liệu', '3 ảnh', '0 ảnh']);
  });
});
