import { describe, expect, it } from 'vitest';
import type { Event } from '../room';
import { standing } from './state';
import { faster } from './stretch';

const told = (...said: [string, string, boolean][]): Event[] =>
  said.map(([kind, by, yes], index) => ({ n: index + 1, at: index, by, kind, body: { [kind === 'consent' ? 'audio' : 'on']: yes } }));

describe('consent to recording', () => {
  it('asks everybody, and who asks has agreed', () => {
    const sound = standing(told(['sound', 'user-1', true], ['consent', 'user-2', false]));
    expect([sound.asked, sound.by, [...sound.answers]]).toEqual([1, 'user-1', [['user-1', true], ['user-2', false]]]);
  });

  it('runs and rests as the server says, and is over when somebody takes it back', () => {
    const events = told(['sound', 'user-1', true], ['consent', 'user-2', true], ['sounding', '', true]);
    expect(standing(events).take).toBe(3);
    expect(standing([...events, ...told(['sounding', '', false])]).take).toBe(0);
    expect(standing([...events, ...told(['consent', 'user-2', false])])).toMatchObject({ asked: 0, take: 0 });
  });

  it('hears no answer that nobody asked for', () => {
    expect(standing(told(['consent', 'user-2', true], ['sounding', '', true]))).toMatchObject({ asked: 0, take: 0 });
  });
});

describe('faster speech', () => {
  it('is shorter, as loud, and of the same pitch', () => {
    const rate = 16_000;
    const tone = Float32Array.from({ length: rate * 2 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 220 * i) / rate));
    const quick = faster(tone, rate, 2);
    expect(quick.length).toBe(rate);
    const middle = quick.subarray(rate * 0.3, rate * 0.7);
    const crossings = middle.reduce((n, one, i) => n + Number(i > 0 && (middle[i - 1] ?? 0) < 0 && one >= 0), 0);
    expect(crossings).toBeGreaterThan(0.4 * 220 * 0.9);
    expect(crossings).toBeLessThan(0.4 * 220 * 1.1);
    expect(Math.max(...middle)).toBeGreaterThan(0.35);
  });
});
