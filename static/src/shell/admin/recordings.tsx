/** Recorded sound of live rooms: which there is, and deleting it. */
import './odd.css';
import { useState } from 'preact/hooks';
import { del, Problem, session } from '../../common/api';
import { bytes, dateTime, list as sentence } from '../../common/i18n';
import { common } from '../../common/strings';
import { Button, Dialog, Field, Notice, toast } from '../../common/ui';
import { usePages } from './pages';
import { refusal, Rows, Section, When } from './parts';
import { Empty, More } from './reconcile';
import { recording } from './recordings-strings';
import { words } from './strings';

interface Recording {
  id: number;
  room: string;
  title: string;
  hospital: string;
  speakers: string[];
  first_at: number;
  pieces: number;
  ms: number;
  bytes: number;
  running: boolean;
}

export function Recordings() {
  const list = usePages<Recording>('/api/admin/recordings', 'recordings', {});
  const [asked, setAsked] = useState<Recording | null>(null);
  const several = (session.value?.hospitals.length ?? 0) > 1;
  return (
    <Section title={recording('recordings')} text={recording('recordings.text')} failure={list.failure} reload={list.reload}>
      {list.rows?.length === 0
        ? <Empty icon="mic" title={recording('none')} text={recording('none.text')} testid="recordings-none" />
        : <Rows
            heads={[recording('col.room'), recording('col.who'), recording('col.length'), recording('col.at'), words('actions')]}
            rows={list.rows}
            keyOf={(one) => one.id}
            none=""
            testid="recordings"
            rowTestid="recording-row"
            cells={(one) => [
              <div class="wrap"><strong>{one.title || recording('untitled')}</strong>{several && <div class="muted">{one.hospital}</div>}</div>,
              <div class="wrap">{sentence(one.speakers)}</div>,
              <div>{length(one)}<div class="muted">{recording('pieces', { count: one.pieces, size: bytes(one.bytes).replace(' ', '\u00a0') })}</div></div>,
              <div><When at={one.first_at} /><div class="muted">{dateTime(one.first_at)}</div></div>,
              one.running
                ? <span class="state state-awaited" title={recording('delete.running')}>{recording('running')}</span>
                : <Button icon="trash" data-testid="recording-delete" onClick={() => setAsked(one)}>{recording('delete')}</Button>,
            ]}
          />}
      <More list={list} />
      {asked && <Delete one={asked} onClose={() => setAsked(null)} onDone={list.reload} />}
    </Section>
  );
}

function length(one: Recording): string {
  const minutes = Math.round(one.ms / 60_000);
  return minutes ? recording('minutes', { count: minutes }) : recording('short');
}

function Delete({ one, onClose, onDone }: { one: Recording; onClose: () => void; onDone: () => void }) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const act = async (): Promise<void> => {
    setBusy(true);
    try {
      await del(`/api/rooms/${one.room}/sound`, undefined, { json: { reason: reason.trim() } });
      toast(recording('delete.done'));
      onDone();
      onClose();
    } catch (error) {
      setFailure(error instanceof Problem && error.status === 409 ? recording('delete.running') : refusal(error));
      setBusy(false);
    }
  };
  const ready = reason.trim() !== '' && !busy;
  return (
    <Dialog title={recording('delete.title')} onClose={onClose} testid="recording-asking"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="danger" busy={busy} disabled={!ready} onClick={() => void act()} data-testid="recording-do">{recording('delete')}</Button></>}>
      <form class="form" onSubmit={(event) => { event.preventDefault(); if (ready) void act(); }}>
        <p><strong>{one.title || recording('untitled')}</strong> <span class="muted">{dateTime(one.first_at)}</span></p>
        <p>{recording('delete.text', { who: sentence(one.speakers) })}</p>
        <Field label={recording('reason')} hint={recording('reason.log')}>
          {(control) => <input {...control} class="input" value={reason} maxLength={500} data-testid="recording-reason" onInput={(event) => setReason(event.currentTarget.value)} />}
        </Field>
        {failure && <Notice kind="bad">{failure}</Notice>}
      </form>
    </Dialog>
  );
}
