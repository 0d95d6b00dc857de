/** The reading room: header, series, viewports. */
import { useEffect, useRef } from 'preact/hooks';
import { effect, signal, untracked } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { guestHome } from '../common/api';
import { explain } from '../common/explain';
import { language } from '../common/i18n';
import { commandOf, typing } from './control/keyboard';
import { perform } from './control/commands';
import { mpr, mprCode, mprRefused } from './control/mpr';
import { active, arrived, ended, failure, help, layout, loads, more, oneUp, open, PANES, refused, series, sideOpen, stripOpen, study, studyAt, studyPlace, studyUid, theViewer, viewerFailure } from './control/room';
import { listen } from './control/live';
import { AskLayer } from './panels/ask';
import { ShareLayer } from './panels/share';
import { Header } from './panels/header';
import { Icon } from './panels/icons';
import { titleOf } from './panels/labels';
import { PaneView } from './panels/pane';
import { Strip } from './panels/strip';
import { live, liveOpen, loadLive, roomInAddress } from './slots';
import { reading } from './strings';

/** What is drawn and the panel beside the images: code that comes after the first image. */
const side = signal<{ Side: FunctionComponent; refresh: () => Promise<void>; consulted: (code: string) => void } | null>(null);
/** The cheat sheet, fetched when somebody first asks for it. */
const sheet = signal<FunctionComponent | null>(null);
const LEAVE_MS = 1500;

export function App() {
  useEffect(() => {
    void open();
    let ear = { ask: (): void => undefined, stop: (): void => undefined };
    const hearing = effect(() => {
      ear.stop();
      void studyPlace.value;
      ear = untracked(() => listen(studyUid.value, studyAt.value, { more, gone: () => (ended.value = true), annotated: () => void side.peek()?.refresh(), consulted: (code) => side.peek()?.consulted(code) }));
    });
    const doubting = effect(() => {
      if (refused.value) ear.ask();
    });
    const leaving = effect(() => {
      if (ended.value && study.value) leave(); // what could not be opened in the first place says so itself
    });
    const beside = effect(() => {
      if ((loads.value || sideOpen.value) && !side.peek()) {
        void import('./notes/side').then((module) => (side.value = module), () => undefined);
      }
    });
    const helping = effect(() => {
      if (help.value && !sheet.peek()) void import('./panels/help').then(({ Help }) => (sheet.value = Help), () => (help.value = false));
    });
    window.addEventListener('keydown', onKey);
    if (roomInAddress()) {
      liveOpen.value = !matchMedia('(max-width: 760px)').matches;
      void loadLive().catch(() => undefined);
    }
    const titled = effect(() => {
      void language.value;
      const shown = ended.value ? null : study.value;
      document.title = titleOf(shown);
    });
    return () => {
      hearing();
      ear.stop();
      doubting();
      leaving();
      beside();
      helping();
      window.removeEventListener('keydown', onKey);
      titled();
    };
  }, []);
  if (failure.value) return <Failure title={reading('studyNotFound')} detail={explain(failure.value)} />;
  if (viewerFailure.value) return <Failure title={reading('viewerFailed')} detail={viewerFailure.value instanceof Error ? viewerFailure.value.message : ''} />;
  if (ended.value && study.value) return <Gone />;
  const [Live, Side, Help] = [live.value, side.value?.Side, sheet.value];
  return (
    <div class={`room${stripOpen.value ? '' : ' no-strip'}${Live && liveOpen.value ? ' with-live' : ''}${Side && sideOpen.value ? ' with-side' : ''}`} data-testid="room">
      <Header />
      <Strip />
      <button type="button" class="strip-toggle" aria-expanded={stripOpen.value} aria-label={reading(stripOpen.value ? 'hideStrip' : 'showStrip')}
        title={reading(stripOpen.value ? 'hideStrip' : 'showStrip')} onClick={() => (stripOpen.value = !stripOpen.value)} data-testid="strip-toggle">
        <Icon name="back" size={14} />
      </button>
      <Grid />
      {Live && liveOpen.value && <Live.Panel />}
      {Side && <Side />}
      {Help && <Help />}
      <AskLayer />
      <ShareLayer />
      <div class="visually-hidden" role="status">{arrived.value > 0 ? reading('arriving', { count: arrived.value }) : ''}</div>
    </div>
  );
}

function Grid() {
  const root = useRef<HTMLElement>(null);
  useEffect(() => {
    const node = root.current;
    if (!node) return;
    const observer = new ResizeObserver(() => theViewer()?.resize());
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  void liveOpen.value;
  useEffect(() => theViewer()?.resize());
  const count = PANES[layout.value];
  const Mpr = mprCode.value?.View;
  return (
    <main class={`grid grid-${oneUp.value ? '1x1' : layout.value}`} ref={root} data-testid="grid" data-layout={layout.value}>
      {series.value.length === 0 && !study.value && <p class="hint busy">{reading('loadingStudy')}</p>}
      {Array.from({ length: count }, (_, index) => <PaneView key={`${studyPlace.value}/${index}`} index={index} visible={!oneUp.value || active.value === index} />)}
      {Mpr && mpr.value && <Mpr />}
      {mprRefused.value && <p class="mpr-no" role="status" data-testid="mpr-no">{reading('mprNo')}</p>}
    </main>
  );
}

/** In the place of everything the moment the study may not be seen any more, however long the next page takes. */
const Gone = () => (
  <main class="failure" data-testid="gone"><Icon name="warning" size={32} /><h1>{reading('gone')}</h1><p role="alert">{reading('goneText')}</p></main>
);

/** The study may not be seen any more: a page without it takes this one's place, and with it all that is in memory; the
 * server lets the browser forget what it has kept. */
function leave(): void {
  const home = guestHome();
  const away = (): void => location.replace(home ?? '/#/gone');
  if (home) return away(); // a guest's browser has kept nothing
  setTimeout(away, LEAVE_MS);
  fetch('/api/consult/forgotten', { credentials: 'same-origin', cache: 'no-store' }).then(away, away);
}

function Failure({ title, detail }: { title: string; detail: string }) {
  return (
    <main class="failure" data-testid="failure">
      <Icon name="warning" size={32} /><h1>{title}</h1><p role="alert">{detail}</p><a class="button" href={guestHome() ?? '/'}>{reading('back')}</a>
    </main>
  );
}

function onKey(event: KeyboardEvent): void {
  if (typing(event.target)) return;
  if (help.value && event.key !== 'Escape' && event.key !== 'F1') return;
  const command = commandOf(event);
  if (!command) return;
  // A button or link that has the focus keeps the keys that work it.
  const target = event.target instanceof HTMLElement ? event.target.closest('button, a, [role="menu"]') : null;
  if (target && [' ', 'Enter', 'Tab'].includes(event.key)) return;
  if (event.key === 'Enter' && event.repeat) return;
  if (perform(command)) event.preventDefault();
}
