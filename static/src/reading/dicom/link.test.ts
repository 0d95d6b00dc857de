import { describe, expect, it } from 'vitest';

import { Link } from './link';

function after(bytes: number, milliseconds: number): Link {
  const link = new Link();
  for (let n = 0; n < 4; n++) link.note(n * 1000, n * 1000 + milliseconds, bytes);
  return link;
}

describe('a link', () => {
  it('is not known before something arrived', () => expect(new Link().slow).toBeNull());
  it('is slow at 2 Mbit/s', () => expect(after(180_000, 720).slow).toBe(true));
  it('is fast on a local network', () => expect(after(180_000, 2).slow).toBe(false));
  it('is what it was the last time', () => expect(new Link(2e6).slow).toBe(true));
  it('says nothing by short answers', () => {
    const link = new Link();
    link.note(0, 500, 2000);
    expect(link.slow).toBeNull();
  });
});
