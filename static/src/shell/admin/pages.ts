/** Lists that come page by page: the newest first, more when asked. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { get } from '../../common/api';
import { explain } from '../../common/explain';

export interface Paged<T> {
  rows: T[] | null;
  more: (() => void) | null;
  failure: string | null;
  reload: () => void;
}

/** `field` is the name of the list in the answer; `query` has no cursor. */
export function usePages<T>(path: string, field: string, query: Record<string, string | number | undefined>): Paged<T> {
  const [rows, setRows] = useState<T[] | null>(null);
  const [next, setNext] = useState<number | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [turn, setTurn] = useState(0);
  const asked = JSON.stringify(query);
  const load = useCallback((before: number | null, signal?: AbortSignal) => {
    const whole = { ...(JSON.parse(asked) as typeof query), before: before ?? undefined };
    get<Record<string, unknown>>(path, whole, { signal }).then(
      (answer) => {
        const page = answer[field] as T[];
        setRows((old) => (before === null ? page : [...(old ?? []), ...page]));
        setNext(answer.next as number | null);
        setFailure(null);
      },
      (error: unknown) => {
        if (!signal?.aborted) setFailure(explain(error));
      },
    );
  }, [path, field, asked]);
  useEffect(() => {
    const controller = new AbortController();
    load(null, controller.signal);
    return () => controller.abort();
  }, [load, turn]);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  return { rows, more: next === null ? null : () => load(next), failure, reload };
}
