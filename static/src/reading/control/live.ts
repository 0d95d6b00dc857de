/** Hears that more of this study has arrived, or that it may not be seen any more: an event stream, or polling when there
 * are too many streams. */
import { get, Problem } from '../../common/api';

interface Changes {
  sequence: number;
  studies?: string[];
  annotated?: string[];
  revoked?: string[];
  consults?: Record<string, number>;
  reset?: boolean;
}

/** Between two questions, in milliseconds: what is revoked is off the screen within five seconds without a stream too. */
const POLL = 2000;
const STREAM_AGAIN = 60_000;
const SETTLE = 800;
/** Where no log has come to yet: the answer says how far it is, and that what was before is not told. */
const AHEAD = Number.MAX_SAFE_INTEGER;

interface Hearing {
  more: () => Promise<void>;
  /** The study may not be seen any more. */
  gone: () => void;
  /** Somebody drew or wrote on its images. */
  annotated: () => void;
  /** There is something new in the consultation of this code; in any, when it is empty. */
  consulted: (code: string) => void;
}

interface Ear {
  stop: () => void;
  /** Asks whether the study may still be seen, as when one of its images was refused. */
  ask: () => void;
}

export function listen(study: string, before: string, { more, gone, annotated, consulted }: Hearing): Ear {
  let sequence: number | null = null;
  let stopped = false;
  let asking = false;
  let source: EventSource | null = null;
  let streamAgainAt = 0;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let polling: ReturnType<typeof setTimeout> | undefined;

  const ask = (): void => {
    if (asking || stopped) return;
    asking = true;
    get(`${before}/api/studies/${study}`).then(() => (asking = false), (error: unknown) => {
      asking = false;
      const status = error instanceof Problem ? error.status : 0;
      if ([403, 404].includes(status)) gone();
      else if (status === 0 || status >= 500) setTimeout(ask, POLL); // not an answer
    });
  };
  const hear = (changes: Changes): void => {
    // What happened before we began to listen was not told, nor what was too long ago: perhaps this.
    if (sequence === null || changes.reset) ask();
    sequence = changes.reset ? changes.sequence : Math.max(sequence ?? 0, changes.sequence);
    if (changes.reset || changes.annotated?.includes(study)) annotated();
    for (const code of changes.reset ? [''] : Object.keys(changes.consults ?? {})) consulted(code);
    if (changes.revoked?.includes(study)) ask(); // that of this hospital, or another's of the same UID
    if (!changes.studies?.includes(study) || waiting) return;
    // One look for many changes: images arrive by the hundred.
    waiting = setTimeout(() => {
      waiting = undefined;
      more().catch(() => undefined);
    }, SETTLE);
  };
  const poll = (): void => {
    if (stopped) return;
    if (Date.now() >= streamAgainAt) {
      stream();
      return;
    }
    get<Changes>('/api/changes', { after: sequence ?? AHEAD })
      .then(hear)
      .catch(() => undefined)
      .finally(() => (polling = setTimeout(poll, POLL)));
  };
  const stream = (): void => {
    const opened = new EventSource(sequence === null ? '/api/events' : `/api/events?after=${sequence}`);
    source = opened;
    opened.addEventListener('change', (event) => hear(JSON.parse((event as MessageEvent<string>).data) as Changes));
    opened.addEventListener('revoked', (event) => {
      if ((JSON.parse((event as MessageEvent<string>).data) as { study: string }).study === study) ask();
    });
    opened.addEventListener('consult', (event) => consulted((JSON.parse((event as MessageEvent<string>).data) as { code: string }).code));
    opened.addEventListener('error', () => {
      // A closed stream was refused and will not come back by itself.
      if (opened.readyState !== EventSource.CLOSED || stopped) return;
      streamAgainAt = Date.now() + STREAM_AGAIN;
      poll();
    });
  };
  stream();
  return {
    ask,
    stop: () => {
      stopped = true;
      source?.close();
      clearTimeout(waiting);
      clearTimeout(polling);
    },
  };
}
