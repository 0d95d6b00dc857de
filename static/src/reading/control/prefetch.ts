/** Fetches frames before they are asked for, nearest first, never more at once than leaves room for what is asked. */
import type { Frame } from '../dicom/instance';

const MOST = 5;

interface Target {
  full: boolean;
  has(frame: Frame): boolean;
  ahead(frame: Frame): Promise<unknown>;
}

export class Prefetch {
  private readonly under = new Set<string>();

  constructor(
    private readonly viewer: Target,
    private readonly wanted: () => { frames: readonly Frame[]; from: number }[],
    private readonly settled: (frame: Frame) => boolean,
  ) {}

  pump(): void {
    while (this.under.size < MOST && !this.viewer.full) {
      const next = this.next();
      if (!next) return;
      this.under.add(next.id);
      this.viewer.ahead(next).catch(() => undefined).finally(() => {
        this.under.delete(next.id);
        this.pump();
      });
    }
  }

  private next(): Frame | null {
    for (const { frames, from } of this.wanted()) {
      for (const index of outward(from, frames.length)) {
        const frame = frames[index] as Frame;
        if (!this.under.has(frame.id) && !this.settled(frame) && !this.viewer.has(frame)) return frame;
      }
    }
    return null;
  }
}

/** 5, 6, 4, 7, 3, … inside 0 to count. */
export function* outward(from: number, count: number): Generator<number> {
  for (let step = 0; step < count; step++) {
    if (from + step < count) yield from + step;
    if (step && from - step >= 0) yield from - step;
  }
}
