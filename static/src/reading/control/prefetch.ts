/** Fetches frames before they are asked for, nearest first, never more at once than leaves room for what is asked. */
import type { Frame } from '../dicom/instance';

const MOST = 5;

/** Whole frames share a slow link: few at once, so that the next one asked for does not wait long. */
const MOST_SLOW = 3;

interface Target {
  full: boolean;
  has(frame: Frame): boolean;
  ahead(frame: Frame): Promise<unknown>;
  isPreview(frame: Frame): boolean;
  finish(frame: Frame, urgency: 'soon'): Promise<unknown>;
}

export class Prefetch {
  private readonly under = new Set<string>();

  constructor(
    private readonly viewer: Target,
    private readonly wanted: () => { frames: readonly Frame[]; from: number }[],
    private readonly settled: (frame: Frame) => boolean,
    private readonly slow: () => boolean = () => false,
  ) {}

  pump(): void {
    while (this.under.size < MOST && !this.viewer.full) {
      const found = this.next();
      if (!found) return;
      const { frame: next, begun } = found;
      this.under.add(next.id);
      (begun ? this.viewer.finish(next, 'soon') : this.viewer.ahead(next)).catch(() => undefined).finally(() => {
        this.under.delete(next.id);
        this.pump();
      });
    }
  }

  /** On a slow link previews of all that is wanted first; then, or at once, the frames themselves. */
  private next(): { frame: Frame; begun: boolean } | null {
    const slow = this.slow();
    if (slow) {
      const frame = this.nearest((one) => !this.viewer.has(one));
      if (frame) return { frame, begun: false };
      if (this.under.size >= MOST_SLOW) return null;
    }
    const frame = this.nearest((one) => !this.viewer.has(one) || this.viewer.isPreview(one));
    return frame && { frame, begun: this.viewer.has(frame) };
  }

  private nearest(open: (frame: Frame) => boolean): Frame | null {
    for (const { frames, from } of this.wanted()) {
      for (const index of outward(from, frames.length)) {
        const frame = frames[index] as Frame;
        if (!this.under.has(frame.id) && !this.settled(frame) && open(frame)) return frame;
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
