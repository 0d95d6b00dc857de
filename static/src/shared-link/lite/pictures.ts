/** Pictures the server made: asked for one by one, those around the shown one ahead, kept in memory and nowhere else. */
import type { Frame } from '../../reading/dicom/instance';
import { ask, over } from '../guest';

export type Drawn = ImageBitmap | 'failed';

export const LARGE = 1024;
export const LARGER = 2560;
const AT_ONCE = 4;
const AHEAD = 12;
const BEHIND = 4;
const KEPT_BYTES = 96 * 1024 * 1024;

/** How a frame is asked for: as large as it is, up to a side of `most` pixels. */
export function addressOf(frame: Frame, window: string, most: number): string {
  const { rows, columns } = frame.instance.shape;
  const side = Math.max(rows, columns);
  const query = new URLSearchParams({ quality: '80' });
  if (side > most) query.set('viewport', `${Math.round((columns * most) / side)},${Math.round((rows * most) / side)}`);
  if (window) query.set('window', window);
  return `${frame.id}/rendered?${query.toString()}`;
}

/** Which frames to have ahead, the nearest first, more in the direction of the last step. */
export function around(index: number, count: number, step: number): number[] {
  const forward = step >= 0 ? 1 : -1;
  const found: number[] = [];
  for (let distance = 1; distance <= AHEAD; distance++) {
    const next = index + forward * distance;
    const before = index - forward * distance;
    if (next >= 0 && next < count) found.push(next);
    if (distance <= BEHIND && before >= 0 && before < count) found.push(before);
  }
  return found;
}

export class Pictures {
  private readonly kept = new Map<string, Blob | 'failed'>();
  private bytes = 0;
  private readonly underway = new Map<string, { promise: Promise<Blob | 'failed'>; controller: AbortController }>();
  private ahead: string[] = [];
  private closed = false;

  /** The picture at an address; what was asked for ahead waits for it. */
  async get(address: string): Promise<Drawn | null> {
    const blob = await this.load(address);
    this.more();
    if (blob === 'failed') return 'failed';
    if (this.closed || blob === null) return null;
    try {
      return await createImageBitmap(blob);
    } catch {
      return 'failed';
    }
  }

  has(address: string): boolean {
    return this.kept.has(address);
  }

  /** What will be wanted soon, in this order. What was wanted before and is not any more is given up. */
  want(addresses: string[], now: string): void {
    this.ahead = addresses.filter((one) => !this.kept.has(one));
    const still = new Set([...addresses, now]);
    for (const [address, { controller }] of this.underway) if (!still.has(address)) controller.abort();
    this.more();
  }

  /** Lets go of everything. */
  close(): void {
    this.closed = true;
    this.ahead = [];
    for (const { controller } of this.underway.values()) controller.abort();
    this.kept.clear();
  }

  private more(): void {
    while (!this.closed && this.underway.size < AT_ONCE) {
      const next = this.ahead.shift();
      if (next === undefined) return;
      if (!this.kept.has(next)) void this.load(next).then(() => this.more());
    }
  }

  private async load(address: string): Promise<Blob | 'failed' | null> {
    const known = this.kept.get(address);
    if (known !== undefined) {
      this.kept.delete(address); // Used now: last to go.
      this.kept.set(address, known);
      return known;
    }
    const running = this.underway.get(address);
    if (running) return running.promise.catch(() => null);
    const controller = new AbortController();
    const promise = this.fetch(address, controller.signal);
    this.underway.set(address, { promise, controller });
    try {
      const blob = await promise;
      if (!this.closed) this.keep(address, blob);
      return blob;
    } catch {
      return null; // Given up, or the network is away: asked again when it is wanted.
    } finally {
      this.underway.delete(address);
    }
  }

  private async fetch(address: string, signal: AbortSignal): Promise<Blob | 'failed'> {
    const answer = await ask(address, { signal, headers: { Accept: 'image/jpeg' } });
    if (answer.status === 401) over();
    if (answer.ok) return answer.blob();
    if (answer.status < 500 && answer.status !== 429 && answer.status !== 401) return 'failed';
    throw new Error(String(answer.status));
  }

  private keep(address: string, blob: Blob | 'failed'): void {
    this.kept.set(address, blob);
    this.bytes += blob === 'failed' ? 0 : blob.size;
    for (const [old, one] of this.kept) {
      if (this.bytes <= KEPT_BYTES || old === address) break;
      this.kept.delete(old);
      this.bytes -= one === 'failed' ? 0 : one.size;
    }
  }
}
