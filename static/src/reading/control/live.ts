/** Hears that more of this study has arrived: an event stream, or polling when there are too many streams. */
import { get, Problem } from '../../common/api';

interface Changes {
  sequence: number;
  studies?: string[];
  annotated?: string[];
  revoked?: string[];
  reset?: boolean;
}

const POLL = 5000;
const SETTLE = 800;

/** `gone`: the study may not be seen any more. */
export function listen(study: string, more: () => Promise<void>, gone: () => void, annotated: () => void = () => undefined): () => void {
  let sequence: number | null = null;
  let stopped = false;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let polling: ReturnType<typeof setTimeout> | undefined;

  const hear = (changes: Changes): void => {
    sequence = Math.max(sequence ?? 0, changes.sequence);
    if (changes.reset || changes.annotated?.includes(study)) annotated();
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
