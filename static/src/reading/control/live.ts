/** Hears that more of this study has arrived: an event stream, or polling when there are too many streams. */
import { get, Problem } from '../../common/api';

interface Changes {
  sequence: number;
  studies?: string[];
  annotated?: string[];
  revoked?: string[];
  consults?: Record<string, number>;
  reset?: boolean;
}

const POLL = 5000;
const SETTLE = 800;

interface Hearing {
  more: () => Promise<void>;
  /** The study may not be seen any more. */
  gone: () => void;
  /** Somebody drew or wrote on its images. */
  annotated: () => void;
  /** There is something new in the consultation of this code; in any, when it is empty. */
  consulted: (code: string) => void;
}

export function listen(study: string, { more, gone, annotated, consulted }: Hearing): () => void {
  let sequence: number | null = null;
  let stopped = false;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let polling: ReturnType<typeof setTimeout> | undefined;

  const hear = (changes: Changes): void => {
    sequence = Math.max(sequence ?? 0, changes.sequence);
    if (changes.reset || changes.annotated?.includes(study)) annotated();
    for (const code of changes.reset ? [''] : Object.keys(changes.consults ?? {})) consulted(code);
    if (changes.revoked?.includes(study)) gone();
    // What happened was too long ago to be told: perhaps this.
    if (changes.reset) get(`/api/studies/${study}`).catch((error: unknown) => (error instanceof Problem && [403, 404].includes(error.status) ? gone() : undefined));
    if (!changes.studies?.includes(study) || waiting) return;
    // One look for many changes: images arrive by the hundred.
    waiting = setTimeout(() => {
      waiting = undefined;
      more().catch(() => undefined);
    }, SETTLE);
  };
  const poll = (): void => {
    get<Changes>('/api/changes', { after: sequence })
      .then(hear)
      .catch(() => undefined)
      .finally(() => {
        if (!stopped) polling = setTimeout(poll, POLL);
      });
  };
  const source = new EventSource('/api/events');
  source.addEventListener('change', (event) => hear(JSON.parse((event as MessageEvent<string>).data) as Changes));
  source.addEventListener('revoked', (event) => {
    if ((JSON.parse((event as MessageEvent<string>).data) as { study: string }).study === study) gone();
  });
  source.addEventListener('consult', (event) => consulted((JSON.parse((event as MessageEvent<string>).data) as { code: string }).code));
  source.addEventListener('error', () => {
    // A closed stream was refused and will not come back by itself.
    if (source.readyState === EventSource.CLOSED && !polling && !stopped) poll();
  });
  return () => {
    stopped = true;
    source.close();
    clearTimeout(waiting);
    clearTimeout(polling);
  };
}
