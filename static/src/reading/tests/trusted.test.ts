import { describe, expect, it, vi } from 'vitest';
import { ownScript, trustOwnScripts } from '../trusted';

describe('scripts loaded by an address', () => {
  const origin = 'https://pacs.example';

  it('are files of ours, and nothing else', () => {
    for (const own of ['/static/assets/worker-1a.js', `${origin}/static/assets/worker-1a.js`]) expect(ownScript(own, origin)).toBe(own);
    for (const other of [
      'https://evil.example/static/assets/x.js', '//evil.example/static/assets/x.js', 'javascript:alert(1)', 'data:text/javascript,1', `blob:${origin}/1`,
      '/dicom-web/studies/1.2', '/static/assets/../../api/consults/1/attachments/2', '/api/x', 'https://',
    ]) expect(ownScript(other, origin), other).toBeNull();
  });

  it('need nothing where a browser knows no trusted types', () => {
    vi.stubGlobal('trustedTypes', undefined);
    expect(trustOwnScripts).not.toThrow();
    vi.unstubAllGlobals();
  });
});
