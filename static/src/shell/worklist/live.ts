/** What happens elsewhere, as it happens: an event stream, or asking every few seconds when there is none to have. */
import { signal } from '@preact/signals';
import { get, Problem, session } from '../../common/api';

export interface TaskState {
  id: number;
  kind: string;
  done: number;
  total: number;
  state: string;
}

export interface News {
  sequence: number;
  studies: string[];
  tasks: TaskState[];
  refused: unknown[];
  /** Consultations in which something happened, with the number of the newest event. */
  consults?: Record<string, number>;
  /** Studies that may not be seen any more. */
  revoked?: string[];
  reset?: boolean;
}

export type LiveState = 'on' | 'polling' | 'off';

export const liveState = signal<LiveState>('on');

const POLL_MS = 3000;
const POLL_HIDDEN_MS = 20_000;
const STREAM_AGAIN_MS = 60_000;
const HIDDEN_CLOSE_MS = 10_000;

type Listener = (news: News) => void;

let shared: Follower | null = null;

/** Follows the change log from `sequence` until the returned function is called. All who follow share one stream. */
export function follow(sequence: number, listener: Listener): () => void {
  if (shared === null) {
    shared = new Follower(sequence);
    shared.listeners.add(listener);
    shared.start();
  } else {
    shared.listeners.add(listener);
    // What came between is told again rather than missed.
    if (sequence < shared.sequence) get<News>('/api/changes', { after: sequence }).then(listener, () => undefined);
  }
  const follower = shared;
  return () => {
    follower.listeners.delete(listener);
    if (follower.listeners.size > 0) return;
    follower.stop();
    if (shared === follower) shared = null;
  };
}

class Follower {
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hiding: ReturnType<typeof setTimeout> | undefined;
  private streamAgainAt = 0;
  private stopped = false;
  readonly listeners = new Set<Listener>();

  constructor(public sequence: number) {}

  start(): void {
    document.addEventListener('visibilitychange', this.visible);
    this.stream();
  }

  stop(): void {
    this.stopped = true;
    document.removeEventListener('visibilitychange', this.visible);
    clearTimeout(this.timer);
    clearTimeout(this.hiding);
    this.source?.close();
    this.source = null;
  }

  /** A tab in the background gives its connection back: a browser has only six to one server. */
  private readonly visible = (): void => {
    clearTimeout(this.hiding);
    if (document.hidden) {
      this.hiding = setTimeout(() => {
        this.source?.close();
        this.source = null;
        this.later(POLL_HIDDEN_MS);
      }, HIDDEN_CLOSE_MS);
    } else if (!this.source) {
      clearTimeout(this.timer);
      this.stream();
    }
  };

  private stream(): void {
    if (this.stopped) return;
    const source = new EventSource(`/api/events?after=${this.sequence}`);
    this.source = source;
    source.onopen = () => (liveState.value = 'on');
    source.addEventListener('change', (event) => {
      const data = read<{ sequence: number; studies: string[]; reset?: boolean }>(event);
      if (data) this.tell({ sequence: data.sequence, studies: data.studies, tasks: [], refused: [], reset: data.reset });
    });
    source.addEventListener('task', (event) => {
      const task = read<TaskState>(event);
      if (task) this.tell({ sequence: this.sequence, studies: [], tasks: [task], refused: [] });
    });
    source.addEventListener('refused', (event) => {
      const refused = read<unknown>(event);
      if (refused) this.tell({ sequence: this.sequence, studies: [], tasks: [], refused: [refused] });
    });
    source.addEventListener('consult', (event) => {
      const told = read<{ code: string; sequence: number }>(event);
      if (told) this.tell({ ...this.nothing(), consults: { [told.code]: told.sequence } });
    });
    source.addEventListener('revoked', (event) => {
      const told = read<{ study: string }>(event);
      if (told) this.tell({ ...this.nothing(), revoked: [told.study] });
    });
    source.onerror = () => {
      // A cut stream is opened again by the browser; one that was refused (503, 401, a proxy) is not.
      if (source.readyState !== EventSource.CLOSED) {
        liveState.value = 'off';
        return;
      }
      this.source = null;
      this.streamAgainAt = Date.now() + STREAM_AGAIN_MS;
      void this.poll();
    };
  }

  private async poll(): Promise<void> {
    if (this.stopped || session.value === null) return;
    if (!document.hidden && Date.now() >= this.streamAgainAt) {
      this.stream();
      return;
    }
    try {
      const news = await get<News>('/api/changes', { after: this.sequence });
      if (this.stopped) return;
      liveState.value = 'polling';
      const some = news.studies.length || news.tasks.length || news.refused.length || news.revoked?.length || Object.keys(news.consults ?? {}).length;
      if (some || news.reset) this.tell(news);
      else this.sequence = Math.max(this.sequence, news.sequence);
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return;
      liveState.value = 'off';
    }
    this.later(document.hidden ? POLL_HIDDEN_MS : POLL_MS);
  }

  private later(ms: number): void {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => void this.poll(), ms);
  }

  private nothing(): News {
    return { sequence: this.sequence, studies: [], tasks: [], refused: [] };
  }

  private tell(news: News): void {
    this.sequence = news.reset ? news.sequence : Math.max(this.sequence, news.sequence);
    if (this.stopped) return;
    for (const listener of [...this.listeners]) listener(news);
  }
}

function read<T>(event: Event): T | null {
  try {
    return JSON.parse((event as MessageEvent<string>).data) as T;
  } catch {
    return null;
  }
}
