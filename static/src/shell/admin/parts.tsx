/** What the pages of administration have in common: loading, tables, dialogs that ask. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { get, Problem } from '../../common/api';
import { explain } from '../../common/explain';
import { relative, dateTime } from '../../common/i18n';
import { common } from '../../common/strings';
import { Button, Dialog, Notice } from '../../common/ui';
import { access } from './access-strings';
import { words } from './strings';

export interface Loaded<T> {
  data: T | null;
  failure: string | null;
  reload: () => void;
}

/** Asks once, and again when told to; old data stays in sight meanwhile. */
export function useLoaded<T>(path: string): Loaded<T> {
  const [data, setData] = useState<T | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    get<T>(path, undefined, { signal: controller.signal }).then(
      (answer) => {
        setData(answer);
        setFailure(null);
      },
      (error: unknown) => {
        if (!controller.signal.aborted) setFailure(explain(error));
      },
    );
    return () => controller.abort();
  }, [path, turn]);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  return { data, failure, reload };
}

interface SectionProps {
  title: string;
  text: string;
  action?: ComponentChildren;
  failure?: string | null;
  reload?: () => void;
  /** Of its heading; a page has one of the first. */
  level?: 1 | 2;
  testid?: string;
  children: ComponentChildren;
}

export function Section({ title, text, action, failure, reload, level = 1, testid, children }: SectionProps) {
  return (
    <section class="admin-section" data-testid={testid}>
      <header class="admin-head">
        <div>
          {level === 1 ? <h1>{title}</h1> : <h2>{title}</h2>}
          <p class="muted">{text}</p>
        </div>
        {action}
      </header>
      {failure && <Notice kind="bad">{failure} {reload && <button type="button" class="link" onClick={reload}>{common('retry')}</button>}</Notice>}
      {children}
    </section>
  );
}

/** A table that turns into cards on a phone: each cell knows its heading. */
export function Rows<T>({ heads, rows, keyOf, cells, none, testid, rowTestid }: {
  heads: string[];
  rows: T[] | null;
  keyOf: (row: T) => string | number;
  cells: (row: T) => ComponentChildren[];
  none: string;
  testid?: string;
  rowTestid?: string;
}) {
  if (rows?.length === 0) return <p class="admin-none" data-testid={testid && `${testid}-none`}>{none}</p>;
  return (
    <div class="admin-table">
      <table data-testid={testid}>
        <thead><tr>{heads.map((head) => <th key={head} scope="col" class={classOf(head)}>{head}</th>)}</tr></thead>
        <tbody>
          {rows === null
            ? [0, 1, 2].map((row) => <tr key={row} aria-hidden="true">{heads.map((head) => <td key={head}><span class="skeleton skeleton-cell" /></td>)}</tr>)
            : rows.map((row) => <tr key={keyOf(row)} data-testid={rowTestid}>{cells(row).map((cell, at) => <td key={at} class={classOf(heads[at])} data-head={heads[at]}>{cell}</td>)}</tr>)}
        </tbody>
      </table>
    </div>
  );
}

/** What one can do stands at the right, under its heading. */
const classOf = (head: string | undefined): string | undefined => (head === words('actions') ? 'cell-actions' : undefined);

export function When({ at }: { at: number | null | undefined }) {
  return at ? <span title={dateTime(at)}>{relative(at)}</span> : <span class="col-none">{words('never')}</span>;
}

/** Asks before something that cannot simply be taken back. */
export function Confirm({ title, text, action, onDo, onClose }: { title: string; text: string; action: string; onDo: () => Promise<void>; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const act = async (): Promise<void> => {
    setBusy(true);
    try {
      await onDo();
      onClose();
    } catch (error) {
      setFailure(refusal(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} testid="confirm"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="danger" busy={busy} onClick={() => void act()} data-testid="confirm-do">{action}</Button></>}>
      <div class="form"><p>{text}</p>{failure && <Notice kind="bad">{failure}</Notice>}</div>
    </Dialog>
  );
}

const KNOWN = [
  [/already a user/, 'users.taken'],
  [/already a peer/, 'peers.taken'],
  [/last administrator/, 'users.last'],
  [/^the password|^this password/, 'users.easy'],
] as const;

/** What a 4xx says is about what was typed, so it is shown. */
export function refusal(error: unknown): string {
  if (!(error instanceof Problem) || ![400, 409, 422].includes(error.status)) return explain(error);
  if (/e-mail address/.test(error.message)) return access('users.email.bad');
  const known = KNOWN.find(([pattern]) => pattern.test(error.message));
  return known ? words(known[1]) : words('confirm.bad', { detail: error.message });
}
