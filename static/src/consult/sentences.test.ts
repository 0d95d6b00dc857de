import { describe, expect, it } from 'vitest';
import { sentences } from './sentences';

describe('sentences in one line', () => {
  it('do not run into each other', () => {
    expect(sentences(['Xin ý kiến thứ hai', 'Có cần chuyển tuyến không?', 'Nốt thùy trên phải'])).toBe('Xin ý kiến thứ hai. Có cần chuyển tuyến không? Nốt thùy trên phải');
  });

  it('leave out what is empty', () => {
    expect(sentences(['', 'Xin ý kiến thứ hai', ' '])).toBe('Xin ý kiến thứ hai');
  });
});
