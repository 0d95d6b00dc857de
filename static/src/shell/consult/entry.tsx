/** The way to consultations: what the header shows of them, and the page and the dialog, fetched when they are wanted. */
import { effect, signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import { get, may, session } from '../../common/api';
import type { Asked } from '../../consult/ask';
import { follow, type News } from '../worklist/live';
import { go } from '../route';

/** How many consultations wait for whoever is signed in. */
export const waitingCount = signal(0);
/** Consultations in which something has just happened: code and number of the newest event. */
export const happened = signal<Record<string, number>>({});

const page = signal<FunctionComponent<{ box: string; code: string }> | null>(null);
const dialog = signal<FunctionComponent<{ study: Asked; onSent?: (code: string) => void }> | null>(null);
/** What somebody asks about; null while the dialog is closed. */
const about = signal<Asked | null>(null);

export const mayConsult = (): boolean => may('consult.ask') || may('consult.answer');

/** Keeps the number in the header true until the returned function is called. */
export function followConsults(): () => void {
  if (!mayConsult()) return () => undefined;
  let unfollow: (() => void) | null = null;
  let over = false;
  const count = (first: boolean): void => {
    get<{ sequence: number; counts: { waiting: number } }>('/api/consults', { box: 'waiting' }).then(
      (found) => {
        if (over || !session.value) return;
        waitingCount.value = found.counts.waiting;
        if (first) unfollow = follow(found.sequence, hear);
      },
      () => undefined,
    );
  };
  const hear = (news: News): void => {
    const consults = news.consults ?? {};
    if (!news.reset && Object.keys(consults).length === 0) return;
    happened.value = { ...consults };
    count(false);
  };
  count(true);
  return () => {
    over = true;
    unfollow?.();
  };
}

/** The inbox; code of its own. */
export function Consulting({ box, code }: { box: string; code: string }) {
  useEffect(() => {
    if (!page.value) void import('./page').then((module) => (page.value = module.ConsultPage));
  }, []);
  const View = page.value;
  return View && mayConsult() ? <View box={box} code={code} /> : <main class="boot" aria-busy="true" />;
}

/** Opens the dialog that asks about a study. */
export function ask(study: Asked): void {
  about.value = study;
  void import('../../consult/ask').then(({ AskDialog, askedAbout }) => {
    askedAbout.value = study;
    dialog.value = AskDialog;
    const stop = effect(() => {
      if (askedAbout.value !== null) return;
      about.value = null;
      queueMicrotask(() => stop());
    });
  });
}

export function AskLayer() {
  const View = dialog.value;
  const study = about.value;
  return View && study ? <View key={study.StudyInstanceUID} study={study} onSent={(code) => go(`#/consult/from_me/${code}`)} /> : null;
}
