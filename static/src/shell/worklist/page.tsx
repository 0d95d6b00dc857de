/** The worklist page: filters, list, preview, keys. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { pageOf } from '../../common/at';
import { common } from '../../common/strings';
import { Button } from '../../common/ui';
import { Icon } from '../../common/icons';
import { closeImport, importShown, openImport } from '../import/queue';
import { ask } from '../consult/entry';
import { mayAsk } from './cells';
import { Empty } from './empty';
import { Help } from './help';
import { withPreview } from './layout';
import { keyOf, narrowed } from './model';
import { Preview } from './preview';
import { RejectDialog, toReject } from './reject';
import { Share, toShare } from './share';
import * as store from './store';
import { words } from './strings';
import { hovered, move, pageRows, pointed, statusOfActive, Table } from './table';
import { Toolbar } from './toolbar';

export const helpShown = signal(false);

export function Worklist() {
  useEffect(() => {
    void store.load();
    const key = (event: KeyboardEvent): void => onKey(event);
    document.addEventListener('keydown', key);
    return () => {
      document.removeEventListener('keydown', key);
      store.leave();
      hovered.value = null;
      pointed.value = null;
    };
  }, []);
  const { state, rows, filters, failure } = store;
  const empty = store.nothingAtAll.value;
  return (
    <div class="worklist">
      <h1 class="visually-hidden">{words('title')}</h1>
      {!empty && <Toolbar />}
      <div class="worklist-main">
        {empty ? <Empty />
          : state.value === 'failed' ? (
            <Message icon="warning" title={words('failed.title')} text={failure.value} testid="worklist-failed">
              <Button icon="refresh" onClick={() => void store.load()}>{common('retry')}</Button>
            </Message>
          )
          : state.value === 'ready' && rows.value.length === 0 ? (
            <Message icon="search" title={words('none.title')} text={words('none.text')} testid="worklist-none">
              {narrowed(filters.value) && <Button onClick={() => store.clearFilters()}>{words('filters.clear')}</Button>}
            </Message>
          )
          : <Table />}
        {!empty && withPreview.value && <Preview />}
      </div>
      {toReject.value && <RejectDialog study={toReject.value} />}
      {toShare.value && <Share study={toShare.value} />}
      {helpShown.value && <Help onClose={() => (helpShown.value = false)} />}
    </div>
  );
}

function Message({ icon, title, text, testid, children }: { icon: 'warning' | 'search'; title: string; text: string; testid: string; children: preact.ComponentChildren }) {
  return (
    <div class="message" data-testid={testid}>
      <Icon name={icon} size={32} />
      <h2>{title}</h2>
      <p class="muted">{text}</p>
      {children}
    </div>
  );
}

const inField = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.matches('input, select, textarea') || target.isContentEditable);

/** The keys of the list; never while typing, in a dialog or in a menu. */
function onKey(event: KeyboardEvent): void {
  if (event.key === 'F1') {
    event.preventDefault();
    helpShown.value = !helpShown.value;
    return;
  }
  if (event.defaultPrevented || helpShown.value || importShown.value || document.querySelector('dialog[open], .menu')) return;
  const typing = inField(event.target);
  const search = document.getElementById('search');
  if (typing) {
    // From the search field one walks straight into what was found.
    if (event.target === search && event.key === 'ArrowDown') {
      event.preventDefault();
      search?.blur();
      move('first');
    } else if (event.target === search && event.key === 'Escape') {
      event.preventDefault();
      if (store.filters.value.q) store.change({ q: '' });
      search?.blur();
    }
    return;
  }
  if (event.altKey || event.metaKey) return;
  if (event.key === 'Enter') {
    // A button that has the focus does what Enter means for it.
    if (event.target instanceof HTMLElement && event.target.matches('button, a')) return;
    open(event.ctrlKey);
    return;
  }
  if (event.ctrlKey) return;
  if (event.key === 'C' && event.shiftKey) {
    const study = store.rows.value.find((row) => keyOf(row) === store.active.value);
    if (study && mayAsk(study)) ask(study);
    return;
  }
  const done = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!done) return;
  event.preventDefault();
  done();
}

const KEYS: Record<string, () => void> = {
  '/': () => document.getElementById('search')?.focus(),
  '?': () => (helpShown.value = true),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  PageDown: () => move(pageRows()),
  PageUp: () => move(-pageRows()),
  Home: () => move('first'),
  End: () => move('last'),
  s: statusOfActive,
  i: openImport,
  r: () => store.showNew(),
  Escape: () => {
    if (store.active.value) store.active.value = null;
    else if (store.filters.value.q) store.change({ q: '' });
    closeImport();
  },
};

function open(newTab: boolean): void {
  const study = store.rows.value.find((row) => keyOf(row) === store.active.value);
  if (!study) return;
  const address = pageOf(study);
  if (newTab) window.open(address, '_blank', 'noopener');
  else location.assign(address);
}
