/** Conflicts that came in one sending: what is decided about one can be decided about all of them. */
import { get, post, Problem } from '../../common/api';
import type { Conflict } from './compare';

const AT_ONCE = 200;

/** The other open conflicts of this kind, of the same study and from the same source. */
export async function alike(one: Conflict, signal: AbortSignal): Promise<Conflict[]> {
  const found: Conflict[] = [];
  let before: number | null = null;
  do {
    const query: Record<string, string | number> = { state: 'open', study: one.study_instance_uid, limit: AT_ONCE };
    if (before !== null) query.before = before;
    const page: { conflicts: Conflict[]; next: number | null } = await get('/api/admin/conflicts', query, { signal });
    found.push(...page.conflicts.filter((other) => other.id !== one.id && isAlike(one, other)));
    before = page.next;
  } while (before !== null);
  return found;
}

export function isAlike(one: Conflict, other: Conflict): boolean {
  return one.kind === other.kind && one.study_instance_uid === other.study_instance_uid && one.door === other.door && one.source === other.source
    && one.patient_id === other.patient_id && one.patient_name === other.patient_name;
}

/** Decides about each, one after the other, each noted by itself. What somebody else has decided meanwhile stays so. */
export async function decideAll(conflicts: readonly Conflict[], action: string, reason: string, onDone: (count: number) => void): Promise<void> {
  let done = 0;
  for (const { id } of conflicts) {
    try {
      await post(`/api/admin/conflicts/${id}/decision`, { action, reason });
    } catch (error) {
      if (!(error instanceof Problem) || ![404, 409].includes(error.status)) throw error;
    }
    onDone(++done);
  }
}
