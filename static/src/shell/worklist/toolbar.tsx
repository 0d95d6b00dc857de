/** Search and filters above the list. */
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { session } from '../../common/api';
import { number } from '../../common/i18n';
import { Icon } from '../../common/icons';
import { Button, Dialog, IconButton, Segmented } from '../../common/ui';
import { layout } from './layout';
import { liveState } from './live';
import { COUNT_CAP, narrowed, PERIODS, SORTS, STATUSES, type Filters, type Period, type Sort, type Status } from './model';
import { statusName } from './status';
import * as store from './store';
import { words } from './strings';

const DEBOUNCE_MS = 220;
const sheet = signal(false);

export function Toolbar() {
  const small = layout.value === 'cards';
  return (
    <div class="toolbar" role="search">
      <div class="toolbar-row">
        <Search />
        {small
          ? <Button icon="filter" class={narrowedBeyondSearch() ? 'btn-on' : ''} onClick={() => (sheet.value = true)} data-testid="filters-open">{words('filters')}</Button>
          : <><Dates /><StatusFilter /><HospitalFilter /></>}
      </div>
      <div class="toolbar-row toolbar-chips"><ModalityChips /><span class="toolbar-end">{!small && <><Clear /><Count /></>}<Live /></span></div>
      {small && sheet.value && <Sheet />}
    </div>
  );
}

/** The filters as a sheet, where there is no room for a bar. */
function Sheet() {
  const close = (): void => {
    sheet.value = false;
  };
  return (
    <Dialog title={words('filters')} onClose={close} testid="filters"
      footer={<><Clear /><Button kind="primary" onClick={close}>{words('filters.done', { count: store.total.value })}</Button></>}>
      <div class="sheet">
        <div><p class="field-label">{words('date')}</p><Dates /></div>
        <div><p class="field-label">{words('status')}</p><StatusFilter /></div>
        {several() && <div><p class="field-label">{words('hospital')}</p><HospitalFilter /></div>}
        <div>
          <label class="field-label" for="sheet-sort">{words('sort.label')}</label>
          <select id="sheet-sort" class="select" value={store.filters.value.sort} onChange={(event) => store.change({ sort: event.currentTarget.value as Sort })}>
            {SORTS.map((sort) => <option key={sort} value={sort}>{words(`sort.${sort}`)}</option>)}
          </select>
        </div>
      </div>
    </Dialog>
  );
}

function Search() {
  const [text, setText] = useState(store.filters.value.q);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const applied = store.filters.value.q;
  useEffect(() => {
    // The search was changed from elsewhere (cleared).
    setText((now) => (now.trim() === applied ? now : applied));
  }, [applied]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const put = (next: string, at = DEBOUNCE_MS): void => {
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      if (next.trim() !== store.filters.value.q) store.change({ q: next.trim() });
    }, at);
  };
  return (
    <div class="search">
      <Icon name="search" />
      <input
        id="search"
        class="input"
        type="search"
        value={text}
        placeholder={words(layout.value === 'cards' ? 'search.short' : 'search')}
        aria-label={words('search.label')}
        aria-keyshortcuts="/"
        autocomplete="off"
        spellcheck={false}
        maxLength={200}
        data-testid="search"
        onInput={(event) => {
          // Telex and VNI compose with the keyboard; half a syllable is no search.
          if (!event.isComposing) put(event.currentTarget.value);
        }}
        onCompositionEnd={(event) => put(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') put(event.currentTarget.value, 0);
        }}
      />
      {text !== '' ? <IconButton icon="close" label={words('search.clear')} onClick={() => put('', 0)} /> : layout.value !== 'cards' && <kbd>/</kbd>}
    </div>
  );
}

function Dates() {
  const { period, from, to } = store.filters.value;
  return (
    <div class="dates">
      <Segmented<Period>
        label={words('date')}
        value={period}
        options={PERIODS.map((one) => ({ value: one, text: words(`date.${one}`), testid: `date-${one}` }))}
        onChange={(next) => store.change({ period: next })}
      />
      {period === 'range' && (
        <div class="range">
          <input class="input" type="date" value={from} max="9999-12-31" aria-label={words('date.from')} data-testid="date-from" onChange={(event) => store.change({ from: event.currentTarget.value })} />
          <span aria-hidden="true">–</span>
          <input class="input" type="date" value={to} max="9999-12-31" aria-label={words('date.to')} data-testid="date-to" onChange={(event) => store.change({ to: event.currentTarget.value })} />
        </div>
      )}
    </div>
  );
}

function StatusFilter() {
  const { status } = store.filters.value;
  const counts = store.facets.value.status;
  return (
    <select class={status ? 'select select-on' : 'select'} value={status} aria-label={words('status')} data-testid="status-filter"
      onChange={(event) => store.change({ status: event.currentTarget.value as Status | '' })}>
      <option value="">{words('status.all')}</option>
      {STATUSES.map((one) => <option key={one} value={one}>{statusName(one)} ({number(counts[one] ?? 0)})</option>)}
    </select>
  );
}

const several = (): boolean => (session.value?.hospitals.length ?? 0) > 1;

function HospitalFilter() {
  const hospitals = session.value?.hospitals ?? [];
  if (!several()) return null;
  const { hospital } = store.filters.value;
  return (
    <select class={hospital ? 'select select-on' : 'select'} value={hospital} aria-label={words('hospital')} data-testid="hospital-filter"
      onChange={(event) => store.change({ hospital: event.currentTarget.value })}>
      <option value="">{words('hospital.all')}</option>
      {hospitals.map((one) => <option key={one.code} value={one.code}>{one.name} ({number(store.facets.value.hospital[one.code] ?? 0)})</option>)}
    </select>
  );
}

function ModalityChips() {
  const { modalities } = store.filters.value;
  const counts = store.facets.value.modality;
  const names = [...new Set([...Object.keys(counts).sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a.localeCompare(b)), ...modalities])];
  return (
    <div class="chips" role="group" aria-label={words('modality')}>
      {names.map((name) => {
        const on = modalities.includes(name);
        return (
          <button key={name} type="button" class="chip" aria-pressed={on} data-testid={`modality-${name}`}
            onClick={() => store.change({ modalities: on ? modalities.filter((one) => one !== name) : [...modalities, name] })}>
            {on && <Icon name="check" size={12} />}
            {name}
            <span class="chip-count">{number(counts[name] ?? 0)}</span>
          </button>
        );
      })}
    </div>
  );
}

function Clear() {
  if (!narrowed(store.filters.value)) return null;
  return <Button kind="ghost" icon="close" onClick={() => store.clearFilters()} data-testid="filters-clear">{words('filters.clear')}</Button>;
}

function Count() {
  if (store.state.value !== 'ready') return <span class="count" />;
  const total = store.total.value;
  return <span class="count" aria-live="polite" data-testid="total">{total >= COUNT_CAP ? words('count.more', { count: COUNT_CAP }) : words('count', { count: total })}</span>;
}

function Live() {
  const live = liveState.value;
  return (
    <span class={`live live-${live}`} title={words(`live.${live}.title`)} data-testid="live">
      <span class="live-dot" />
      <span class="live-text">{words(`live.${live}`)}</span>
    </span>
  );
}

function narrowedBeyondSearch(): boolean {
  const filters: Filters = { ...store.filters.value, q: '', modalities: [] };
  return narrowed(filters);
}
