import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { session, type Session } from './api';
import { discard, heard, keep, nextVersion, settled, unsent } from './outbox';
import { uuid } from './uuid';

const PATH = '/api/studies/1.2/annotations';
const stored = (): string[] => Object.keys(localStorage).filter((key) => key.startsWith('hoichan.unsent.'));
const signIn = (id: number): void => void (session.value = { user: { id, language: 'vi' }, csrf: 'c', rights: [] } as unknown as Session);
const json = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status });
const act = (annotation: string, version = 1): Record<string, unknown> => ({ annotation_id: annotation, version, kind: 'put' });

describe('what is not acknowledged', () => {
  const server = vi.fn<(path: string, init: RequestInit) => Promise<Response>>();
  const sent = (): Record<string, unknown>[] => server.mock.calls.filter(([, init]) => init.method === 'POST').map(([, init]) => JSON.parse(init.body as string) as Record<string, unknown>);

  beforeEach(() => {
    localStorage.clear();
    server.mockReset();
    vi.stubGlobal('fetch', server);
    session.value = null;
    signIn(7);
  });
  afterEach(() => {
    unsent.value.forEach((one) => discard(one.id));
    vi.unstubAllGlobals();
  });

  it('is wiped when the server has it, and not before', async () => {
    let answer: (response: Response) => void = () => undefined;
    server.mockReturnValue(new Promise((resolve) => (answer = resolve)));
    const told = vi.fn();
    const deaf = heard(told);
    keep(PATH, act('a'));
    expect(stored()).toHaveLength(1);
    answer(json(201, { annotation_id: 'a', version: 1 }));
    expect(await settled(1000)).toBe(true);
    expect(stored()).toEqual([]);
    expect(told).toHaveBeenCalledOnce();
    deaf();
  });

  it('stays through a cut, keeps its order, and is one act however often it is sent', async () => {
    server.mockRejectedValue(new TypeError('no network'));
    const ids = [keep(PATH, act('a')), keep(PATH, act('a', 2)), keep(PATH, act('b'))];
    expect(await settled(1000)).toBe(false);
    expect(stored()).toHaveLength(3);
    server.mockImplementation((_, init) => Promise.resolve(json(201, JSON.parse(init.body as string))));
    expect(await settled(1000)).toBe(true);
    const order = sent().map((one) => one['client_id']);
    expect(order.slice(-3)).toEqual(ids);
    expect(new Set(order).size).toBe(3);
  });

  it('is the next version when it was overtaken', async () => {
    server.mockImplementation((_, init) => {
      if (init.method === 'GET') return Promise.resolve(json(200, { annotations: [{ annotation_id: 'a', version: 4 }] }));
      const given = JSON.parse(init.body as string) as { version: number };
      return Promise.resolve(given.version === 5 ? json(201, given) : json(409, { detail: 'at version 4' }));
    });
    keep(PATH, act('a', 2));
    expect(await settled(1000)).toBe(true);
    expect(sent().map((one) => one['version'])).toEqual([2, 5]);
    expect(nextVersion('a', 2)).toBe(6);
  });

  it('waits for a decision when the server refuses it, and lets the others pass', async () => {
    server.mockImplementation((_, init) => {
      const given = JSON.parse(init.body as string) as { annotation_id: string };
      return Promise.resolve(given.annotation_id === 'bad' ? json(404, { detail: 'no such instance' }) : json(201, given));
    });
    const bad = keep(PATH, act('bad'));
    keep(PATH, act('good'));
    expect(await settled(1000)).toBe(false);
    expect(unsent.value.map((one) => [one.id, one.refused])).toEqual([[bad, '404 no such instance']]);
    expect(stored()).toHaveLength(1);
    discard(bad);
    expect(stored()).toEqual([]);
  });

  it('belongs to who did it: others neither see nor send it', async () => {
    server.mockRejectedValue(new TypeError('no network'));
    keep(PATH, act('a'));
    await settled(1000);
    server.mockClear();
    signIn(8);
    expect(unsent.value).toEqual([]);
    expect(await settled(200)).toBe(true);
    expect(server).not.toHaveBeenCalled();
    expect(stored()).toHaveLength(1);
    server.mockImplementation((_, init) => Promise.resolve(json(201, JSON.parse(init.body as string))));
    signIn(7);
    expect(await settled(1000)).toBe(true);
    expect(sent()).toHaveLength(1);
  });

  it('is named by a random UUID also where the page is not secure', () => {
    vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
    expect(uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
