/** What a person has to decide: contradictions, and bytes that are no DICOM objects. */
import './odd.css';
import { useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { may, post, Problem } from '../../common/api';
import { explain } from '../../common/explain';
import { bytes, dateTime } from '../../common/i18n';
import { Icon, type IconName } from '../../common/icons';
import { common } from '../../common/strings';
import { Button, Dialog, Field, IconButton, Notice, Segmented, toast } from '../../common/ui';
import { reasonText } from '../import/reasons';
import { Compare, type Conflict } from './compare';
import { doorName } from './doors';
import { odd } from './odd-strings';
import { usePages, type Paged } from './pages';
import { refusal, Rows, Section, When } from './parts';
import { StudyField } from './study-field';
import { words } from './strings';

interface Quarantined {
  id: number;
  sha256: string;
  reason: string;
  size: number;
  door: string;
  source: string;
  address: string;
  at: number;
  action: string;
  target: string;
  gone_at: number | null;
}

type State = 'open' | 'decided' | 'all';
const STATES: readonly State[] = ['open', 'decided', 'all'];

export function Conflicts() {
  const [state, setState] = useState<State>('open');
  const list = usePages<Conflict>('/api/admin/conflicts', 'conflicts', { state });
  const [open, setOpen] = useState<Conflict | null>(null);
  return (
    <Section title={words('conflicts')} text={words('conflicts.text')} failure={list.failure} reload={list.reload}
      action={<States value={state} onChange={setState} />}>
      {list.rows?.length === 0
        ? <Empty icon="conflict" title={odd(state === 'decided' ? 'none.conflicts.decided' : 'none.conflicts')} text={state === 'decided' ? '' : odd('none.conflicts.text')} testid="conflicts-none" />
        : <Rows
            heads={[words('conflicts.kind'), words('conflicts.patient'), words('conflicts.from'), words('conflicts.at'), words('actions')]}
            rows={list.rows}
            keyOf={(one) => one.id}
            none=""
            testid="conflicts"
            rowTestid="conflict-row"
            cells={(one) => [
              <div>{words(one.kind === 'patient' ? 'conflicts.kind.patient' : 'conflicts.kind.instance')}
                {one.resolved && <div class="decided"><Icon name="check" size={14} />{did(one.action)}</div>}</div>,
              <div>{one.patient_name || '–'}<div class="muted">{one.patient_id}</div></div>,
              <From one={one} />,
              <When at={one.at} />,
              <div class="row-actions"><Button data-testid="conflict-look" onClick={() => setOpen(one)}>{odd(one.resolved ? 'look.again' : 'look')}</Button></div>,
            ]}
          />}
      <More list={list} />
      {open && <Compare conflict={open} onClose={() => setOpen(null)} onDone={list.reload} />}
    </Section>
  );
}

export function Quarantine() {
  const [state, setState] = useState<State>('open');
  const list = usePages<Quarantined>('/api/admin/quarantine', 'quarantine', { state });
  const [asking, setAsking] = useState<{ what: 'link' | 'delete'; one: Quarantined } | null>(null);
  return (
    <Section title={words('quarantine')} text={words('quarantine.text')} failure={list.failure} reload={list.reload}
      action={<States value={state} onChange={setState} />}>
      {list.rows?.length === 0
        ? <Empty icon="shield" title={odd(state === 'decided' ? 'none.quarantine.decided' : 'none.quarantine')} text={state === 'decided' ? '' : odd('none.quarantine.text')} testid="quarantine-none" />
        : <Rows
            heads={[words('reason'), words('size'), words('conflicts.from'), words('conflicts.at'), words('actions')]}
            rows={list.rows}
            keyOf={(one) => one.id}
            none=""
            testid="quarantine"
            rowTestid="quarantine-row"
            cells={(one) => [
              <div class="wrap">{reasonText(one.reason)}<div class="muted mono uid" title={one.sha256}>{one.sha256.slice(0, 16)}…</div><Outcome one={one} /></div>,
              bytes(one.size),
              <From one={one} />,
              <When at={one.at} />,
              <Acts one={one} onDone={list.reload} onAsk={(what) => setAsking({ what, one })} />,
            ]}
          />}
      <More list={list} />
      {asking?.what === 'link' && <Link one={asking.one} onClose={() => setAsking(null)} onDone={list.reload} />}
      {asking?.what === 'delete' && <Delete one={asking.one} onClose={() => setAsking(null)} onDone={list.reload} />}
    </Section>
  );
}

function Outcome({ one }: { one: Quarantined }) {
  if (one.action === 'delete') return <div class="decided decided-bad"><Icon name="trash" size={14} />{odd('did.delete', { when: one.gone_at ? dateTime(one.gone_at) : '' })}</div>;
  if (one.action === 'link') return <div class="decided"><Icon name="check" size={14} /><a href={`/read/${one.target}`}>{odd('did.link')}</a></div>;
  return null;
}

function Acts({ one, onDone, onAsk }: { one: Quarantined; onDone: () => void; onAsk: (what: 'link' | 'delete') => void }) {
  const [busy, setBusy] = useState(false);
  const path = `/api/admin/quarantine/${one.id}`;
  const act = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    try {
      await work();
      onDone();
    } catch (error) {
      toast(explain(error), 'bad');
    } finally {
      setBusy(false);
    }
  };
  const retry = async (): Promise<void> => {
    const answer = await post<{ outcome: string; reason: string }>(`${path}/retry`);
    if (answer.reason) toast(odd('retry.still', { reason: reasonText(answer.reason) }), 'bad');
    else toast(odd('retry.stored'));
  };
  const restore = async (): Promise<void> => {
    await post(`${path}/decision`, { action: 'restore' });
    toast(odd('saved'));
  };
  if (one.action === 'delete') return <div class="row-actions"><Button busy={busy} data-testid="quarantine-restore" onClick={() => void act(restore)}>{odd('restore')}</Button></div>;
  return (
    <div class="row-actions">
      <Button icon="refresh" busy={busy} title={odd('retry.hint')} data-testid="quarantine-retry" onClick={() => void act(retry)}>{odd('retry')}</Button>
      <IconButton icon="folder" label={odd('link')} data-testid="quarantine-link" onClick={() => onAsk('link')} />
      <a class="icon-btn" href={`${path}/object`} download title={odd('download')} aria-label={odd('download')} data-testid="quarantine-download"><Icon name="arrowDown" /></a>
      {may('admin.delete') && <IconButton icon="trash" label={odd('delete')} data-testid="quarantine-delete" onClick={() => onAsk('delete')} />}
    </div>
  );
}

function Link({ one, onClose, onDone }: { one: Quarantined; onClose: () => void; onDone: () => void }) {
  const [study, setStudy] = useState(one.target);
  return (
    <Asking title={odd('link.title')} text={odd('link.text')} action={odd('link.do')} onClose={onClose} onDone={onDone}
      ready={study !== ''} send={(reason) => post(`/api/admin/quarantine/${one.id}/decision`, { action: 'link', study, reason })}>
      <StudyField value={study} onChange={setStudy} />
    </Asking>
  );
}

function Delete({ one, onClose, onDone }: { one: Quarantined; onClose: () => void; onDone: () => void }) {
  return (
    <Asking title={odd('delete.title')} text={odd('delete.text')} action={odd('delete.do')} danger onClose={onClose} onDone={onDone}
      ready needed send={(reason) => post(`/api/admin/quarantine/${one.id}/deletion`, { reason })} />
  );
}

/** A dialog with a reason, and what else is asked. */
function Asking({ title, text, action, danger, ready, needed, send, onClose, onDone, children }: {
  title: string;
  text: string;
  action: string;
  danger?: boolean;
  ready: boolean;
  needed?: boolean;
  send: (reason: string) => Promise<unknown>;
  onClose: () => void;
  onDone: () => void;
  children?: ComponentChildren;
}) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const missing = needed && reason.trim() === '';
  const act = async (): Promise<void> => {
    setBusy(true);
    try {
      await send(reason.trim());
      toast(odd('saved'));
      onDone();
      onClose();
    } catch (error) {
      setFailure(error instanceof Problem && error.status === 404 ? odd('link.bad') : refusal(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} testid="asking"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind={danger ? 'danger' : 'primary'} busy={busy} disabled={!ready || missing} onClick={() => void act()} data-testid="asking-do">{action}</Button></>}>
      <form class="form" onSubmit={(event) => { event.preventDefault(); if (ready && !missing) void act(); }}>
        <p>{text}</p>
        {children}
        <Field label={odd('reason')} hint={odd('reason.hint')}>
          {(control) => <input {...control} class="input" value={reason} maxLength={500} data-testid="asking-reason" onInput={(event) => setReason(event.currentTarget.value)} />}
        </Field>
        {failure && <Notice kind="bad">{failure}</Notice>}
      </form>
    </Dialog>
  );
}

function States({ value, onChange }: { value: State; onChange: (state: State) => void }) {
  return <Segmented label={odd('state')} value={value} onChange={onChange} options={STATES.map((one) => ({ value: one, text: odd(`state.${one}`), testid: `state-${one}` }))} />;
}

export function Empty({ icon, title, text, testid }: { icon: IconName; title: string; text: string; testid?: string }) {
  return (
    <div class="odd-empty" data-testid={testid}>
      <Icon name={icon} size={32} />
      <p><strong>{title}</strong></p>
      {text && <p class="muted">{text}</p>}
    </div>
  );
}

export function More({ list }: { list: Paged<unknown> }) {
  return list.more && <div class="odd-more"><Button onClick={list.more} data-testid="more">{odd('more')}</Button></div>;
}

export function From({ one }: { one: { source: string; door: string; address: string } }) {
  if (one.door === 'import') return <div>{doorName(one.door)}</div>;
  return <div><span class="mono">{one.source || doorName(one.door)}</span><div class="muted">{[doorName(one.door), one.address].filter(Boolean).join(' · ')}</div></div>;
}

function did(action: string): string {
  return action === 'keep' || action === 'replace' || action === 'assign' ? odd(`did.${action}`) : action;
}
