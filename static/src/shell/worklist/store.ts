/** The state of the worklist: filters, loaded rows, and news that waits until it may move something. */
import { batch, computed, signal } from '@preact/signals';
import { get, patch, Problem } from '../../common/api';
import { apiOf } from '../../common/at';
import { explain } from '../../common/explain';
import { lastRead } from '../../common/last-read';
import { follow, type News, type TaskState } from './live';
import { append, insert, overlay } from './merge';
import { asStudy, keyOf, narrowed, NO_FILTERS, queryOf, restore, type Facets, type Filters, type Page, type Status, type Study, type StudyDetail } from './model';

const KEPT = 'hoichan.worklist';
/** Studies in one answer. */
export const PAGE = 60;
const FLASH_MS = 1600;
const CALM_MS = 700; // at most one look at the first page in this time, however fast images arrive
const RECEIVING_MS = 6000;
const FEW = 12; // as many changed studies outside the first page are asked for one by one

export const filters = signal<Filters>(restore(kept()));
export const rows = signal<Study[]>([]);
export const total = signal(0);
export const facets = signal<Facets>({ modality: {}, status: {}, hospital: {} });
export const state = signal<'loading' | 'ready' | 'failed'>('loading');
export const failure = signal('');
export const loadingMore = signal(false);
export const moreFailed = signal(false);
export const next = signal<string | null>(null);
/** Keys of rows that just changed. */
export const flashing = signal<ReadonlySet<string>>(new Set());
/** Keys of studies that are growing at this moment. */
export const receiving = signal<ReadonlySet<string>>(new Set());
/** The newest first page, when it has studies that are not shown yet. */
const waiting = signal<Study[]>([]);
export const newCount = computed(() => waiting.value.length);
export const tasks = signal<Record<number, TaskState>>({});
/** Refused callers heard of since the page was opened. */
export const refusedNews = signal(0);
/** Grows when the studies with these UIDs changed; the preview listens. */
export const changed = signal<{ uids: ReadonlySet<string> }>({ uids: new Set() });
/** The row the keyboard is on. */
export const active = signal<string | null>(null);
/** The page of the study that was read last: its row is marked, and the keyboard goes on from there. */
export const came = lastRead();
export const nothingAtAll = computed(() => state.value === 'ready' && rows.value.length === 0 && waiting.value.length === 0 && !narrowed(filters.value));

let page: Study[] = [];
let run = 0;
let unfollow: (() => void) | null = null;
let calm: ReturnType<typeof setTimeout> | undefined;
let lastLook = 0;
let pendingUids = new Set<string>();
let mayMove: () => boolean = () => true;
const endings = new Map<string, ReturnType<typeof setTimeout>>();

/** Tells the store when new rows may be put in: nobody points at a row and the list is at its top. */
export function whenStill(still: () => boolean): void {
  mayMove = still;
}

export function change(some: Partial<Filters>): void {
  filters.value = { ...filters.value, ...some };
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(filters.value));
  } catch {
    // Then the filters last as long as the page.
  }
  void load(true);
}

export function clearFilters(): void {
  change({ ...NO_FILTERS, sort: filters.value.sort });
}

/** Loads the list anew. `keep`: the old rows stay in sight until the new ones are there. */
export async function load(keep = false): Promise<void> {
  const mine = ++run;
  if (!keep || state.value !== 'ready') state.value = 'loading';
  try {
    const first = await get<Page>('/api/worklist', { ...queryOf(filters.value), limit: PAGE });
    if (mine !== run) return;
    batch(() => {
      take(first);
      rows.value = first.studies;
      next.value = first.next;
      waiting.value = [];
      state.value = 'ready';
      if (active.value && !first.studies.some((study) => keyOf(study) === active.value)) active.value = null;
    });
    unfollow ??= follow(first.sequence, heard);
  } catch (error) {
    if (mine !== run || (error instanceof Problem && error.status === 401)) return;
    failure.value = explain(error);
    state.value = 'failed';
  }
}

export async function loadMore(): Promise<void> {
  if (loadingMore.value || !next.value || state.value !== 'ready') return;
  const mine = run;
  loadingMore.value = true;
  moreFailed.value = false;
  try {
    const further = await get<Page>('/api/worklist', { ...queryOf(filters.value), limit: PAGE, after: next.value });
    if (mine !== run) return;
    batch(() => {
      rows.value = append(rows.value, further.studies);
      next.value = further.next;
    });
  } catch {
    moreFailed.value = true;
  } finally {
    loadingMore.value = false;
  }
}

/** Stops listening; the rows stay for the way back. */
export function leave(): void {
  unfollow?.();
  unfollow = null;
  clearTimeout(calm);
  run += 1;
}

/** Puts the studies that wait into the list. */
export function showNew(): void {
  if (waiting.value.length === 0) return;
  if (waiting.value.length >= PAGE) {
    void load(true); // More than a page is new: the newest page alone would leave a hole.
    return;
  }
  const keys = waiting.value.map(keyOf);
  batch(() => {
    rows.value = insert(rows.value, page);
    waiting.value = [];
  });
  flash(keys);
}

export async function setStatus(study: Study, status: Status): Promise<void> {
  const before = study.status;
  const put = (value: Status): void => {
    rows.value = rows.value.map((row) => (keyOf(row) === keyOf(study) ? { ...row, status: value } : row));
  };
  put(status);
  try {
    await patch(apiOf(study), { status });
  } catch (error) {
    put(before);
    throw error;
  }
}

function heard(news: News): void {
  if (news.tasks.length) tasks.value = { ...tasks.value, ...Object.fromEntries(news.tasks.map((task) => [task.id, task])) };
  if (news.refused.length) refusedNews.value += news.refused.length;
  if (news.revoked?.length) void load(true);
  for (const uid of news.studies) pendingUids.add(uid);
  if (news.reset || pendingUids.size) schedule();
}

function schedule(): void {
  if (calm !== undefined) return;
  calm = setTimeout(() => {
    calm = undefined;
    void look();
  }, Math.max(30, lastLook + CALM_MS - Date.now()));
}

/** Looks at the first page again, and at changed studies further down. */
async function look(): Promise<void> {
  lastLook = Date.now();
  const uids = pendingUids;
  pendingUids = new Set();
  const mine = run;
  try {
    const first = await get<Page>('/api/worklist', { ...queryOf(filters.value), limit: PAGE });
    if (mine !== run) return;
    const onPage = new Set(first.studies.map(keyOf));
    const below = rows.value.filter((row) => uids.has(row.StudyInstanceUID) && !onPage.has(keyOf(row))).slice(0, FEW);
    const gone = new Set<string>();
    const details = await Promise.all(below.map((row) => get<StudyDetail>(apiOf(row)).catch((error: unknown) => {
      if (error instanceof Problem && error.status === 404) gone.add(keyOf(row));
      return null;
    })));
    if (mine !== run) return;
    if (gone.size) rows.value = rows.value.filter((row) => !gone.has(keyOf(row))); // Rejected: it is nowhere any more.
    settle(first, details.filter((one) => one !== null).map(asStudy), uids);
  } catch (error) {
    if (mine !== run || (error instanceof Problem && error.status === 401)) return;
    for (const uid of uids) pendingUids.add(uid);
    setTimeout(schedule, 3000);
  }
}

function settle(first: Page, details: Study[], uids: ReadonlySet<string>): void {
  const merged = overlay(rows.value, [...first.studies, ...details]);
  batch(() => {
    const before = new Map(rows.value.map((row) => [keyOf(row), row.instances]));
    take(first);
    rows.value = merged.rows;
    const last = rows.value.length;
    // Below the loaded rows there are more to come anyway; only what belongs among or above them is news.
    waiting.value = last === 0 || next.value === null ? merged.fresh : freshAbove(first.studies, merged.fresh);
    changed.value = { uids };
    const grown = [...merged.rows, ...waiting.value].filter((row) => uids.has(row.StudyInstanceUID) && row.instances > (before.get(keyOf(row)) ?? 0));
    grown.forEach((row) => receive(keyOf(row)));
  });
  flash(merged.flashed);
  if (waiting.value.length && (rows.value.length === 0 || mayMove())) showNew();
}

/** Those fresh studies that stand before some known row on the page. */
function freshAbove(pageStudies: readonly Study[], fresh: Study[]): Study[] {
  const freshKeys = new Set(fresh.map(keyOf));
  const lastKnown = pageStudies.reduce((at, study, index) => (freshKeys.has(keyOf(study)) ? at : index), -1);
  const above = new Set(pageStudies.slice(0, lastKnown + 1).map(keyOf));
  return lastKnown === -1 ? fresh : fresh.filter((study) => above.has(keyOf(study)));
}

function take(first: Page): void {
  page = first.studies;
  total.value = first.total;
  facets.value = first.facets;
}

function flash(keys: readonly string[]): void {
  if (keys.length === 0) return;
  flashing.value = new Set([...flashing.value, ...keys]);
  setTimeout(() => {
    const still = new Set(flashing.value);
    keys.forEach((key) => still.delete(key));
    flashing.value = still;
  }, FLASH_MS);
}

function receive(key: string): void {
  clearTimeout(endings.get(key));
  if (!receiving.value.has(key)) receiving.value = new Set([...receiving.value, key]);
  endings.set(key, setTimeout(() => {
    endings.delete(key);
    const still = new Set(receiving.value);
    still.delete(key);
    receiving.value = still;
  }, RECEIVING_MS));
}

function kept(): string | null {
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}
