/** How fast the link is, by the answers that came over it: the browser's own clock, not that of a busy page. */

interface Answer {
  from: number;
  to: number;
  bytes: number;
}

const KEPT = 12;
/** Answers that are shorter say more of the round trip than of the rate. */
const SHORTEST = 6000;
/** Bits per second at which a slice of 180 KB takes 70 ms; the way back is wider, so that it does not flutter. */
const SLOW = 20e6;
const FAST = 40e6;
const STORED = 'hoichan.link';

export class Link {
  private readonly answers: Answer[] = [];
  private state: boolean | null = null;

  constructor(private readonly remembered: number | null = null) {
    if (remembered !== null) this.state = remembered < SLOW;
  }

  /** Bits per second while something was arriving; null when nothing has yet. Answers that overlap share the link. */
  get rate(): number | null {
    if (!this.answers.length) return this.remembered;
    let busy = 0;
    let until = -Infinity;
    for (const { from, to } of [...this.answers].sort((a, b) => a.from - b.from)) {
      busy += Math.max(0, to - Math.max(from, until));
      until = Math.max(until, to);
    }
    const bytes = this.answers.reduce((sum, one) => sum + one.bytes, 0);
    return (bytes * 8000) / Math.max(busy, 1);
  }

  /** Whether previews are worth their bytes; null when nothing is known. */
  get slow(): boolean | null {
    return this.state;
  }

  /** Milliseconds at which the first and the last byte arrived. */
  note(from: number, to: number, bytes: number): void {
    if (bytes < SHORTEST || !(to >= from)) return;
    this.answers.push({ from, to, bytes });
    if (this.answers.length > KEPT) this.answers.shift();
    const rate = this.rate ?? FAST;
    this.state = this.state ? rate < FAST : rate < SLOW;
  }
}

export const link = new Link(stored());

/** Notes every answer of the DICOMweb door that came over the network. */
export function watchLink(): void {
  if (typeof PerformanceObserver === 'undefined') return;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as PerformanceResourceTiming[]) note(entry);
    const { rate } = link;
    try {
      if (rate !== null) localStorage.setItem(STORED, String(Math.round(rate)));
    } catch {
      // Private windows may refuse to store; the link is then measured anew.
    }
  }).observe({ type: 'resource' });
}

const noted = new Set<string>();

/** An answer by its address, at once: the observer may be told of it only later. */
export function noteNow(path: string): void {
  const entry = performance.getEntriesByName(new URL(path, location.href).href).at(-1);
  if (entry) note(entry as PerformanceResourceTiming);
}

function note(entry: PerformanceResourceTiming): void {
  const key = `${entry.name} ${entry.startTime}`;
  if (!entry.name.includes('/dicom-web/') || !entry.transferSize || noted.has(key)) return;
  noted.add(key);
  if (noted.size > 100) noted.delete(noted.values().next().value ?? '');
  // An answer of 304 has the size of what was kept, and did not carry it.
  link.note(entry.responseStart, entry.responseEnd, Math.min(entry.encodedBodySize, entry.transferSize));
}

function stored(): number | null {
  try {
    return Number(localStorage.getItem(STORED)) || null;
  } catch {
    return null;
  }
}
