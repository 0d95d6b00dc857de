/** The consultations about the study that is read, and the one whose thread is open. */
import { effect, signal, untracked } from '@preact/signals';
import { get, post } from '../../common/api';
import type { Card, ImageReference, Whole } from '../../consult/api';
import { sideOpen, studyAt, studyPlace, studyUid } from '../control/room';
import type { Note } from '../notes/model';
import { notes, shareWith } from '../notes/store';

export const about = signal<readonly Card[] | null>(null);
export const code = signal<string>(new URLSearchParams(location.search).get('consult') ?? '');
export const whole = signal<Whole | null>(null);
export const failure = signal<unknown>(null);
/** Whether what is drawn anew is shared with the consultation that is open. */
export const sharing = signal(true);

/** Reads which consultations there are; the only one that goes on is opened, not shown. */
export async function load(): Promise<void> {
  const found = await get<{ consults: Card[] }>(`${studyAt.value}/api/studies/${studyUid.value}/consults`).catch(() => null);
  about.value = found?.consults ?? about.value ?? [];
  if (!code.value && about.value.length === 1) code.value = about.value[0]?.code ?? '';
}

/** Reads the consultation that is open again. */
export async function reload(): Promise<void> {
  const wanted = code.value;
  if (!wanted) return;
  try {
    const found = await get<Whole>(`/api/consults/${wanted}`);
    if (code.value !== wanted) return;
    whole.value = found;
    failure.value = null;
    if (found.seen < found.sequence && sideOpen.value) void post(`/api/consults/${wanted}/seen`, { sequence: found.sequence }).catch(() => undefined);
  } catch (error) {
    if (code.value === wanted) failure.value = error;
  }
}

/** Something happened in one of them. */
export function consulted(which: string): void {
  if (!which || which === code.value) void reload();
  if (which !== code.value) void load();
}

export function begin(): void {
  let at = studyPlace.peek();
  void load();
  effect(() => {
    if (studyPlace.value === at) return;
    at = studyPlace.value;
    untracked(() => {
      about.value = null;
      void load().then(() => {
        if (!about.value?.some((one) => one.code === code.value)) code.value = '';
      });
    });
  });
  effect(() => {
    if (code.value !== whole.peek()?.code) whole.value = null;
    if (code.value) void reload();
  });
  effect(() => {
    const open = whole.value;
    const alive = open !== null && open.shows && open.state !== 'closed' && open.state !== 'withdrawn';
    // Who is asked draws into the consultation anyway; who asks decides.
    shareWith.value = alive && (sharing.value || !open.sides.includes('from')) ? open.code : '';
  });
}

/** Key images as a consultation names them: one's own and those that are shared with it, which were not sent before. */
export function referencesOf(open: Whole): ImageReference[] {
  const sent = new Set(open.events.flatMap((one) => (one.body.images ?? []).map((image) => `${image.sop_instance_uid}/${image.frame}`)));
  const keys = [...notes.value.values()].filter((one) => !one.deleted && one.body.tool === 'key_image' && one.mine);
  return keys.map(reference).filter((one) => !sent.has(`${one.sop_instance_uid}/${one.frame}`)).slice(0, 30);
}

function reference({ body }: Note): ImageReference {
  return {
    study_instance_uid: studyUid.value, series_instance_uid: body.series_instance_uid ?? '', sop_instance_uid: body.sop_instance_uid ?? '',
    frame: body.frame ?? 1, note: body.text.slice(0, 500), ...(body.window ? { window: body.window } : {}), ...(body.invert ? { invert: true } : {}),
  };
}
