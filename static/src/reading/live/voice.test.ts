import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { people, screens, status } from './room';
import { hangUp, listenOnly, microphone, speak, spoken, voice, voiceTrouble } from './voice';

const getUserMedia = vi.fn<() => Promise<MediaStream>>();

class Stream {
  constructor(private readonly tracks: unknown[] = []) {}
  getTracks = (): unknown[] => this.tracks;
  getAudioTracks = this.getTracks;
  getVideoTracks = (): unknown[] => [];
}

beforeEach(() => {
  vi.stubGlobal('RTCPeerConnection', class {});
  vi.stubGlobal('MediaStream', Stream);
  vi.stubGlobal('isSecureContext', true);
  vi.stubGlobal('navigator', { mediaDevices: { getUserMedia } });
  status.value = 'in';
  people.value = [];
  screens.value = new Map();
});

afterEach(() => {
  hangUp();
  voiceTrouble.value = '';
  vi.unstubAllGlobals();
});

describe('voice that cannot be had', () => {
  it.each([
    ['NotAllowedError', 'denied'],
    ['NotFoundError', 'missing'],
    ['NotReadableError', 'busy'],
  ])('says what %s means, and lets one listen all the same', async (name, trouble) => {
    getUserMedia.mockRejectedValueOnce(new DOMException('', name));
    await speak();
    expect([voice.value, voiceTrouble.value]).toEqual(['off', trouble]);
    listenOnly();
    expect([voice.value, voiceTrouble.value, microphone.value, spoken()]).toEqual(['on', '', null, [2, 0]]);
  });

  it('is not asked for where the browser would refuse', async () => {
    vi.stubGlobal('isSecureContext', false);
    await speak();
    expect(voiceTrouble.value).toBe('insecure');
    vi.stubGlobal('isSecureContext', true);
    vi.stubGlobal('RTCPeerConnection', undefined);
    await speak();
    expect(voiceTrouble.value).toBe('unsupported');
    listenOnly();
    expect(voice.value).toBe('off');
  });

  it('has room for five', async () => {
    const others = [1, 2, 3, 4, 5].map((n) => ({ n, key: `user-${n}`, name: '', hospital: '', colour: 0, here: true, guest: false }));
    people.value = others;
    screens.value = new Map(others.map((one) => [one.n, { v: [0, 0] }]));
    await speak();
    expect([voice.value, voiceTrouble.value]).toEqual(['off', 'full']);
    screens.value = new Map(others.slice(1).map((one) => [one.n, { v: [0, 0] }]));
    const track = { addEventListener: vi.fn(), stop: vi.fn() };
    getUserMedia.mockResolvedValueOnce(new Stream([track]) as unknown as MediaStream);
    await speak();
    expect([voice.value, voiceTrouble.value, spoken()]).toEqual(['on', '', [0, 0]]);
    hangUp();
    expect(track.stop).toHaveBeenCalledOnce();
  });
});
