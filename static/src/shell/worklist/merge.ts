/** How news enters a list that somebody is looking at: known rows change in place, nothing moves by itself. */
import { keyOf, type Study } from './model';

export interface Merged {
  rows: Study[];
  /** Keys of rows that changed visibly. */
  flashed: string[];
  /** Studies that are not in the list yet. */
  fresh: Study[];
}

/**
 * Lays newer versions of studies over the rows. Known rows keep their place whatever the order says;
 * unknown studies are handed back in the order they came.
 */
export function overlay(rows: readonly Study[], newer: readonly Study[]): Merged {
  const byKey = new Map(newer.map((study) => [keyOf(study), study]));
  const flashed: string[] = [];
  let changed = false;
  const laid = rows.map((row) => {
    const key = keyOf(row);
    const study = byKey.get(key);
    byKey.delete(key);
    if (!study || !differs(row, study)) return row;
    changed = true;
    flashed.push(key);
    return study;
  });
  return { rows: changed ? laid : (rows as Study[]), flashed, fresh: [...byKey.values()] };
}

/** Puts studies of the newest first page where that page has them, keeping every row that is already there. */
export function insert(rows: readonly Study[], page: readonly Study[]): Study[] {
  const known = new Set(rows.map(keyOf));
  const result = [...rows];
  let at = 0;
  for (const study of page) {
    const key = keyOf(study);
    if (known.has(key)) {
      const found = result.findIndex((row) => keyOf(row) === key);
      at = Math.max(at, found + 1);
    } else {
      result.splice(at, 0, study);
      at += 1;
      known.add(key);
    }
  }
  return result;
}

/** Adds a further page; what came in twice because rows moved between pages stays once. */
export function append(rows: readonly Study[], page: readonly Study[]): Study[] {
  const known = new Set(rows.map(keyOf));
  return [...rows, ...page.filter((study) => !known.has(keyOf(study)))];
}

/** Whether a person would see a difference. */
function differs(a: Study, b: Study): boolean {
  return (Object.keys(b) as (keyof Study)[]).some((key) =>
    key !== 'changed_at' && (key === 'modalities' ? a.modalities.join() !== b.modalities.join() : a[key] !== b[key]));
}
