import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Link, type Message } from './link';
import { difference, merged } from './state';

describe('what moves', () => {
  it('is told as what changed, and UIDs as what they do not share', () => {
    const one = { c: 0, i: '1.2.840.113619.2.1.1', f: 1, p: [1, 2] };
    const two = { c: 0, i: '1.2.840.113619.2.1.2', f: 1 };
    const change = difference(one, two);
    expect(change).toEqual({ i: [19, '2'], p: null });
    expect(merged(one, change ?? {})).toEqual(two);
    expect(difference(two, { ...two })).toBeNull();
    expect(difference({}, one)).toEqual(one);
  });
});

class FakeSocket extends EventTarget {
  static all: FakeSocket[] = [];
  static readonly OPEN = 1;
  readyState = 0;
  bufferedAmount = 0;
  sent: unknown[] = [];
  constructor(readonly url: string) {
    super();
    FakeSocket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(new Event('close'));
  }
  open(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }
  say(message: unknown): void {
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
  }
}

const WELCOME = { t: 'welcome', me: 'user-1', sequence: 3, events: [], ticket: 'back' };

describe('the way to a room', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    FakeSocket.all = [];
    vi.stubGlobal('WebSocket', FakeSocket);
    sessionStorage.clear();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function begun(): Promise<{ link: Link; states: string[]; messages: Message[] }> {
    const states: string[] = [];
    const messages: Message[] = [];
    const link = new Link('ws://x/ws', 'room', () => Promise.resolve('first'), {
      message: (message) => messages.push(message), moves: () => undefined, gone: () => undefined, status: (one) => states.push(one),
    });
    await vi.advanceTimersByTimeAsync(1);
    return { link, states, messages };
  }
  const newest = (): FakeSocket => FakeSocket.all.at(-1) as FakeSocket;

  it('says again after a cut what has no receipt, under the same name', async () => {
    const { link } = await begun();
    newest().open();
    expect(newest().sent).toEqual([{ t: 'join', ticket: 'first', after: 0 }]);
    newest().say(WELCOME);
    const id = link.say('chat', { text: 'a' });
    expect(newest().sent.at(-1)).toEqual({ t: 'say', id, kind: 'chat', body: { text: 'a' } });
    newest().close();
    await vi.advanceTimersByTimeAsync(1);
    newest().open();
    expect(newest().sent).toEqual([{ t: 'join', ticket: 'back', after: 3 }]);
    newest().say(WELCOME);
    expect(newest().sent[1]).toEqual({ t: 'say', id, kind: 'chat', body: { text: 'a' } });
    newest().say({ t: 'event', n: 4, id, by: 'user-1', kind: 'chat', body: { text: 'a' } });
    expect(link.unsent).toEqual([]);
    link.leave();
  });

  it('keeps the outbox over a reload', async () => {
    const { link } = await begun();
    link.say('chat', { text: 'b' });
    const again = (await begun()).link;
    expect(again.unsent.map((one) => one.body)).toEqual([{ text: 'b' }]);
    link.leave();
    again.leave();
  });

  it('takes silence for a cut, and begins anew again and again', async () => {
    const { states, link } = await begun();
    newest().open();
    newest().say(WELCOME);
    await vi.advanceTimersByTimeAsync(6000);
    expect(states.at(-1)).toBe('cut');
    const before = FakeSocket.all.length;
    await vi.advanceTimersByTimeAsync(3500);
    expect(FakeSocket.all.length).toBeGreaterThanOrEqual(before + 3);
    newest().open();
    expect(FakeSocket.all.filter((one) => one.readyState < 3)).toHaveLength(1);
    link.leave();
  });

  it('ends when it is told to', async () => {
    const { states } = await begun();
    newest().open();
    newest().say(WELCOME);
    newest().say({ t: 'bye', why: 'revoked' });
    expect(states.at(-1)).toBe('over');
    const sockets = FakeSocket.all.length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeSocket.all).toHaveLength(sockets);
  });

  it('acknowledges what moved, and tells the newest state at once', async () => {
    const { link } = await begun();
    newest().open();
    newest().say(WELCOME);
    link.move({ c: 0, p: [1, 1] });
    await vi.advanceTimersByTimeAsync(1);
    link.move({ c: 0, p: [2, 2] });
    link.move({ c: 0, p: [3, 3] });
    await vi.advanceTimersByTimeAsync(100);
    expect(newest().sent.filter((one) => (one as unknown[])[0] === 'm')).toEqual([['m', { c: 0, p: [1, 1] }], ['m', { p: [3, 3] }]]);
    for (let n = 0; n < 4; n++) newest().say(['m', [0, { p: [n, n] }]]);
    expect(newest().sent.at(-1)).toEqual(['k', 4]);
    link.leave();
  });
});
