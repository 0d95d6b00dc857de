/** What was rejected: looking at it, restoring it, purging it. */
import './odd.css';
import { useState } from 'preact/hooks';
import { may, post } from '../../common/api';
import { dicomDate } from '../../common/dicom-text';
import { bytes, dateTime } from '../../common/i18n';
import { common } from '../../common/strings';
import { Button, Dialog, Field, IconButton, Notice, toast } from '../../common/ui';
import { rejection, titleName } from '../rejection';
import { usePages } from './pages';
import { refusal, Rows, Section, useLoaded, When } from './parts';
import { Empty, More } from './reconcile';

interface RejectedStudy {
  id: number;
  study_instance_uid: string;
  patient_id: string;
  patient_name: string;
  study_date: number;
  study_description: string;
  modalities: string[];
  instances: number;
  bytes: number;
  rejected_at: number;
  title: string;
  texts: string[];
  sources: string[];
  purgeable: number;
  purgeable_at: number;
}

type Asked = { what: 'restore' | 'purge' | 'look'; one: RejectedStudy };

export function Rejected() {
  const list = usePages<RejectedStudy>('/api/admin/rejected', 'rejected', {});
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = (): void => setAsked(null);
  return (
    <Section title={rejection('rejected')} text={rejection('rejected.text')} failure={list.failure} reload={list.reload}>
      {list.rows?.length === 0
        ? <Empty icon="trash" title={rejection('none')} text={rejection('none.text')} testid="rejected-none" />
        : <Rows
            heads={[rejection('col.study'), rejection('col.why'), rejection('col.images'), rejection('col.at'), rejection('col.actions')]}
            rows={list.rows}
            keyOf={(one) => one.id}
            none=""
            testid="rejected"
            rowTestid="rejected-row"
            cells={(one) => [
              <div><strong>{one.patient_name || '–'}</strong> <span class="muted">{one.patient_id}</span>
                <div class="muted">{[one.modalities.join(', '), one.study_description, one.study_date ? dicomDate(String(one.study_date)) : ''].filter(Boolean).join(' · ')}</div></div>,
              <div class="wrap">{titleName(one.title)}<div class="muted">{[...one.texts, one.sources.length ? rejection('by', { who: one.sources.join(', ') }) : ''].filter(Boolean).join(' · ')}</div></div>,
              <div>{one.instances}<div class="muted">{bytes(one.bytes)}</div></div>,
              <div><When at={one.rejected_at} /><div class="muted">{rejection('purge.from', { when: dateTime(one.purgeable_at) })}</div></div>,
              <div class="row-actions">
                {one.title === '113001' && <IconButton icon="eye" label={rejection('look')} data-testid="rejected-look" onClick={() => setAsked({ what: 'look', one })} />}
                <Button icon="refresh" data-testid="rejected-restore" onClick={() => setAsked({ what: 'restore', one })}>{rejection('restore')}</Button>
                {may('admin.delete') && one.purgeable > 0 && <IconButton icon="trash" label={rejection('purge')} data-testid="rejected-purge" onClick={() => setAsked({ what: 'purge', one })} />}
              </div>,
            ]}
          />}
      <More list={list} />
      {asked?.what === 'look' && <Look one={asked.one} onClose={close} />}
      {asked && asked.what !== 'look' && <Act what={asked.what} one={asked.one} onClose={close} onDone={list.reload} />}
    </Section>
  );
}

function Act({ what, one, onClose, onDone }: { what: 'restore' | 'purge'; one: RejectedStudy; onClose: () => void; onDone: () => void }) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const path = `/api/admin/rejected/${one.study_instance_uid}/${what === 'restore' ? 'restoration' : 'purge'}`;
  const act = async (): Promise<void> => {
    setBusy(true);
    try {
      const done = await post<{ instances?: number; objects?: number }>(path, { reason: reason.trim() });
      toast(rejection(`${what}.done`, { count: done.instances ?? done.objects ?? 0 }));
      onDone();
      onClose();
    } catch (error) {
      setFailure(refusal(error));
      setBusy(false);
    }
  };
  const ready = reason.trim() !== '' && !busy;
  return (
    <Dialog title={rejection(`${what}.title`)} onClose={onClose} testid="rejected-asking"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind={what === 'purge' ? 'danger' : 'primary'} busy={busy} disabled={!ready} onClick={() => void act()} data-testid="rejected-do">{rejection(what)}</Button></>}>
      <form class="form" onSubmit={(event) => { event.preventDefault(); if (ready) void act(); }}>
        <p><strong>{one.patient_name}</strong> {one.study_description}</p>
        <p>{rejection(`${what}.text`, { count: one.purgeable })}</p>
        <Field label={rejection('reason')} hint={rejection('reason.log')}>
          {(control) => <input {...control} class="input" value={reason} maxLength={500} data-testid="rejected-reason" onInput={(event) => setReason(event.currentTarget.value)} />}
        </Field>
        {failure && <Notice kind="bad">{failure}</Notice>}
      </form>
    </Dialog>
  );
}

function Look({ one, onClose }: { one: RejectedStudy; onClose: () => void }) {
  const base = `/api/admin/rejected/${one.study_instance_uid}`;
  const loaded = useLoaded<{ objects: { id: number; sop_instance_uid: string }[] }>(base);
  return (
    <Dialog title={rejection('look.title')} onClose={onClose} wide testid="rejected-pictures" footer={<Button onClick={onClose}>{common('close')}</Button>}>
      {loaded.failure && <Notice kind="bad">{loaded.failure}</Notice>}
      <div class="rejected-pictures">
        {loaded.data?.objects.slice(0, 48).map((each) => <img key={each.id} src={`${base}/picture/${each.id}`} alt={each.sop_instance_uid} loading="lazy" onError={(event) => event.currentTarget.remove()} />)}
      </div>
    </Dialog>
  );
}
