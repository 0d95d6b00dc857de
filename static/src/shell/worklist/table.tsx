/** The list itself: virtual rows of one height, or cards on a phone. */
import { computed, signal, useSignalEffect } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from '../../common/icons';
import { session } from '../../common/api';
import { pageOf } from '../../common/at';
import { Button } from '../../common/ui';
import { common } from '../../common/strings';
import { AskButton, chooseStatus, Conflict, ImageCount, isOwn, Modalities, Received, sexAge, StatusButton, studyDate } from './cells';
import { keyOf, type Sort, type Study } from './model';
import * as store from './store';
import { words } from './strings';
import { layout, rowHeight } from './layout';

const OVERSCAN = 8;
const AHEAD = 24;

const viewTop = signal(0);
const viewHeight = signal(600);
const viewWidth = signal(1200);
const columns = computed(() => (viewWidth.value >= 1560 ? 'wide' : viewWidth.value >= 1180 ? 'medium' : viewWidth.value >= 980 ? 'narrow' : 'tight'));
/** The row under the pointer; it must not be moved away. */
export const hovered = signal<string | null>(null);
/** The row the mouse was moved to; a row that scrolls under a resting mouse is not pointed at. */
export const pointed = signal<string | null>(null);

const windowOf = computed(() => {
  const height = rowHeight.value;
  const first = Math.max(0, Math.floor(viewTop.value / height) - OVERSCAN);
  const last = Math.min(store.rows.value.length, Math.ceil((viewTop.value + viewHeight.value) / height) + OVERSCAN);
  return { first, last, height };
});

export function Table() {
  const scroller = useRef<HTMLDivElement>(null);
  useEffect(() => {
    store.whenStill(() => (scroller.current?.scrollTop ?? 0) < 4 && hovered.value === null && store.active.value === null);
    return () => store.whenStill(() => true);
  }, []);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const measure = (): void => {
      viewHeight.value = box.clientHeight;
      viewWidth.value = box.clientWidth;
      viewTop.value = box.scrollTop;
    };
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    measure();
    return () => observer.disconnect();
  }, []);
  useSignalEffect(() => {
    if (windowOf.value.last + AHEAD > store.rows.value.length && store.next.value && !store.moreFailed.value) void store.loadMore();
  });
  const found = useRef(false);
  useSignalEffect(() => {
    if (found.current || store.state.value !== 'ready' || !viewHeight.value) return;
    found.current = true; // once: later the list stays where its reader has it
    const [index, box] = [store.rows.value.findIndex((row) => pageOf(row) === store.came), scroller.current];
    const middle = (index + 0.5) * rowHeight.value;
    if (box && middle > box.clientHeight) box.scrollTop = middle - box.clientHeight / 2;
  });
  useSignalEffect(() => {
    const index = store.rows.value.findIndex((row) => keyOf(row) === store.active.value);
    if (index >= 0 && scroller.current) reveal(scroller.current, index);
  });

  const { first, last, height } = windowOf.value;
  const rows = store.rows.value;
  const loading = store.state.value === 'loading';
  const cards = layout.value === 'cards';
  const count = loading ? Math.ceil(viewHeight.value / height) : rows.length;
  const tail = store.loadingMore.value || store.moreFailed.value ? 1 : 0;
  return (
    <div class={`list list-${layout.value} list-${columns.value}`} role="grid" aria-label={words('title')} aria-rowcount={rows.length + 1} aria-busy={loading} data-testid="worklist">
      {!cards && <Head />}
      <NewPill onShow={() => {
        store.showNew();
        scroller.current?.scrollTo({ top: 0 });
      }} />
      <div
        ref={scroller}
        class="list-scroll"
        role="rowgroup"
        onScroll={(event) => (viewTop.value = event.currentTarget.scrollTop)}
        onPointerLeave={(event) => {
          hovered.value = null;
          pointed.value = null;
          if (event.relatedTarget instanceof Element && event.relatedTarget.closest('.pill')) return; // It is about to be pressed.
          if ((scroller.current?.scrollTop ?? 0) < 4 && store.active.value === null) store.showNew();
        }}
      >
        <div class="list-body" style={{ height: `${(count + tail) * height}px` }}>
          {loading
            ? Array.from({ length: count }, (_, index) => <SkeletonRow key={index} top={index * height} seed={index} />)
            : rows.slice(first, last).map((study, offset) => (
                <Row key={keyOf(study)} study={study} index={first + offset} top={(first + offset) * height} />
              ))}
          {tail > 0 && (
            <div class="list-tail" style={{ top: `${count * height}px`, height: `${height}px` }}>
              {store.moreFailed.value
                ? <Button kind="ghost" icon="refresh" onClick={() => (store.moreFailed.value = false)}>{common('retry')}</Button>
                : <span class="spinner" role="status" aria-label={common('loading')} />}
            </div>
          )}
        </div>
      </div>
    </div>
  );
}

/** Whether rows say of which hospital they are: one's own are several, or a consultation shows one of another's. */
const severalHospitals = computed(() => (session.value?.hospitals.length ?? 0) > 1 || store.rows.value.some((study) => !isOwn(study)));
const several = (): boolean => severalHospitals.value;

function Head() {
  return (
    <div class={several() ? 'row-grid list-head with-hospital' : 'row-grid list-head'} role="row" aria-rowindex={1}>
      <Column>{words('col.status')}</Column>
      <Column sort="patient_name" testid="sort-patient">{words('col.patient')}</Column>
      <Column>{words('col.id')}</Column>
      <Column name="age">{words('col.age')}</Column>
      <Column>{words('col.modality')}</Column>
      <Column>{words('col.study')}</Column>
      <Column name="accession">{words('col.accession')}</Column>
      {several() && <Column name="hospital">{words('col.hospital')}</Column>}
      <Column sort="study_date" testid="sort-date">{words('col.date')}</Column>
      <Column name="images">{words('col.images')}</Column>
      <Column sort="received_at" name="received" testid="sort-received">{words('col.received')}</Column>
    </div>
  );
}

/** A heading; with `sort` it orders the list: first as one expects (names up, dates down), then the other way. */
function Column({ children, sort, name, testid }: { children: string; sort?: 'patient_name' | 'study_date' | 'received_at'; name?: string; testid?: string }) {
  if (!sort) return <div class={`col col-${name ?? 'plain'}`} role="columnheader">{children}</div>;
  const current = store.filters.value.sort;
  const down: Sort = `-${sort}`;
  const direction = current === sort ? 'ascending' : current === down ? 'descending' : undefined;
  const natural: Sort = sort === 'patient_name' ? sort : down;
  const other: Sort = natural === sort ? down : sort;
  return (
    <div class={`col col-${name ?? 'plain'}`} role="columnheader" aria-sort={direction ?? 'none'}>
      <button type="button" class={direction ? 'sort sort-on' : 'sort'} data-testid={testid} title={words('sort.by', { column: children })}
        onClick={() => store.change({ sort: current === natural ? other : natural })}>
        {children}
        <Icon name={direction === 'ascending' || (!direction && natural === sort) ? 'up' : 'arrowDown'} size={12} />
      </button>
    </div>
  );
}

function NewPill({ onShow }: { onShow: () => void }) {
  const count = store.newCount.value;
  return (
    <div class="pill-place" aria-live="polite">
      {count > 0 && (
        <button type="button" class="pill" data-testid="new-studies" onClick={onShow}>
          <Icon name="up" size={14} />
          {count >= store.PAGE ? words('new.more', { count: store.PAGE - 1 }) : words('new', { count })}
        </button>
      )}
    </div>
  );
}

function Row({ study, index, top }: { study: Study; index: number; top: number }) {
  const key = keyOf(study);
  const chosen = store.active.value === key;
  const classes = ['row'];
  if (chosen) classes.push('row-active');
  const came = pageOf(study) === store.came;
  if (came) classes.push('row-came');
  if (store.flashing.value.has(key)) classes.push('row-flash');
  if (study.status === 'unread') classes.push('row-unread');
  return (
    <div
      class={classes.join(' ')}
      style={{ top: `${top}px` }}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={chosen}
      aria-current={came || undefined}
      data-testid="study-row"
      data-uid={study.StudyInstanceUID}
      onPointerEnter={(event) => {
        if (event.pointerType === 'mouse') hovered.value = key;
      }}
      onPointerMove={(event) => {
        if (event.pointerType === 'mouse') pointed.value = key;
      }}
    >
      {layout.value === 'cards' ? <Card study={study} first={index === 0} /> : <Cells study={study} first={index === 0} />}
    </div>
  );
}

function Cells({ study, first }: { study: Study; first: boolean }) {
  return (
    <div class={several() ? 'row-grid with-hospital' : 'row-grid'}>
      <div class="col" role="gridcell"><StatusButton study={study} /></div>
      <div class="col col-name" role="gridcell"><Open study={study} first={first} /><Conflict study={study} /><AskButton study={study} /></div>
      <Cell text={study.PatientID} />
      <Cell text={sexAge(study)} name="age" />
      <div class="col" role="gridcell"><Modalities study={study} /></div>
      <div class={`col ${study.StudyDescription ? '' : 'col-none'}`} role="gridcell" title={[isOwn(study) ? '' : study.hospital_name, study.StudyDescription].filter(Boolean).join(' · ') || undefined}>
        {!isOwn(study) && study.hospital_name && <span class="of-other">{study.hospital_name} · </span>}{study.StudyDescription || words('noDescription')}
      </div>
      <Cell text={study.AccessionNumber} name="accession" />
      {several() && <Cell text={study.hospital_name} name="hospital" />}
      <Cell text={studyDate(study)} />
      <div class="col col-images" role="gridcell"><ImageCount study={study} /></div>
      <div class="col col-dim col-received" role="gridcell"><Received study={study} /></div>
    </div>
  );
}

function Cell({ text, none, name }: { text: string; none?: string; name?: string }): ComponentChildren {
  return <div class={`col ${name ? `col-${name}` : ''} ${text ? '' : 'col-none'}`} role="gridcell" title={text || undefined}>{text || (none ?? '–')}</div>;
}

/** A real link over the whole row, so that Ctrl, the middle button and "open in new tab" do what they always do. */
function Open({ study, first }: { study: Study; first: boolean }) {
  const ref = useRef<HTMLAnchorElement>(null);
  const chosen = store.active.value === keyOf(study);
  useEffect(() => {
    if (chosen) ref.current?.focus({ preventScroll: true });
  }, [chosen]);
  return (
    <a ref={ref} class="row-link" href={pageOf(study)} tabIndex={chosen || (first && store.active.value === null) ? 0 : -1}
      data-testid="open-study" title={study.PatientName || undefined}
      onFocus={(event) => {
        // By keyboard only: a click must not choose the row it opens.
        if (event.currentTarget.matches(':focus-visible')) store.active.value = keyOf(study);
      }}>
      {study.PatientName || words('noName')}
    </a>
  );
}

function Card({ study, first }: { study: Study; first: boolean }) {
  return (
    <div class="card" role="gridcell">
      <div class="card-line">
        <Open study={study} first={first} />
        <Conflict study={study} />
        <AskButton study={study} />
        <StatusButton study={study} />
      </div>
      <div class="card-line card-text"><Modalities study={study} /><span class="cut">{study.StudyDescription || words('noDescription')}</span></div>
      <div class="card-line card-dim">
        <span class="cut">{[study.PatientID, sexAge(study)].filter(Boolean).join(' · ')}</span>
        <ImageCount study={study} unit />
      </div>
      <div class="card-line card-dim"><span class="cut">{studyDate(study)}{several() && ` · ${study.hospital_name}`}</span><Received study={study} /></div>
    </div>
  );
}

function SkeletonRow({ top, seed }: { top: number; seed: number }) {
  const widths = [72, 120 + ((seed * 37) % 70), 70, 60, 30, 110 + ((seed * 53) % 90)];
  return (
    <div class="row row-skeleton" style={{ top: `${top}px` }} aria-hidden="true">
      {layout.value === 'cards'
        ? <div class="card">{widths.slice(1, 5).map((width) => <div key={width} class="card-line"><span class="skeleton" style={{ width: `${width}px` }} /></div>)}</div>
        : <div class={several() ? 'row-grid with-hospital' : 'row-grid'}>{widths.map((width, at) => <div key={at} class={at === 3 ? 'col col-age' : 'col'}><span class="skeleton" style={{ width: `${width}px` }} /></div>)}</div>}
    </div>
  );
}

/** Scrolls just as far as the row needs to be in sight. */
function reveal(box: HTMLElement, index: number): void {
  const height = rowHeight.value;
  const top = index * height;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
}

/** Moves the chosen row; without one it starts at the top. */
export function move(by: number | 'first' | 'last'): void {
  const rows = store.rows.value;
  if (rows.length === 0) return;
  const at = rows.findIndex(store.active.value === null ? (row) => pageOf(row) === store.came : (row) => keyOf(row) === store.active.value);
  const wanted = by === 'first' ? 0 : by === 'last' ? rows.length - 1 : at === -1 ? 0 : at + by;
  const row = rows[Math.min(rows.length - 1, Math.max(0, wanted))];
  if (!row) return;
  pointed.value = null;
  store.active.value = keyOf(row);
}

export const pageRows = (): number => Math.max(1, Math.floor(viewHeight.value / rowHeight.value) - 1);

/** The status menu of the chosen row, from the keyboard. */
export function statusOfActive(): void {
  const study = store.rows.value.find((row) => keyOf(row) === store.active.value);
  const anchor = document.querySelector<HTMLElement>('.row-active .status-button');
  if (study && anchor) chooseStatus(anchor, study);
}
