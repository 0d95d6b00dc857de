/** One conflict: both objects side by side, what differs, and what to do about it. */
import { useEffect, useState } from 'preact/hooks';
import { post, Problem } from '../../common/api';
import { explain } from '../../common/explain';
import { dicomDate } from '../../common/dicom-text';
import { bytes, dateTime } from '../../common/i18n';
import { Icon } from '../../common/icons';
import { Button, Dialog, Field, Notice, toast } from '../../common/ui';
import { alike, decideAll } from './alike';
import { doorName } from './doors';
import { odd } from './odd-strings';
import { refusal, useLoaded } from './parts';

export interface Conflict {
  id: number;
  kind: string;
  study_instance_uid: string;
  sop_instance_uid: string;
  patient_id: string;
  patient_name: string;
  door: string;
  source: string;
  address: string;
  at: number;
  resolved: boolean;
  action: string;
}

interface Side {
  sha256: string;
  size: number;
  stored_at: number;
  door: string;
  source: string;
  address: string;
  PatientName: string;
  PatientID: string;
  PatientBirthDate: string;
  PatientSex: string;
  StudyInstanceUID: string;
  StudyDate: string;
  StudyDescription: string;
  Modality: string;
  SeriesDescription: string;
  InstanceNumber: number | null;
  Rows: number | null;
  Columns: number | null;
  frames: number;
}

interface Difference {
  tag: string;
  keyword: string;
  shown: string | null;
  other: string | null;
}

interface Told {
  conflict: Conflict;
  shown: Side;
  other: Side;
  differences: Difference[];
}

type Action = 'keep' | 'replace' | 'assign' | 'reopen';

export function Compare({ conflict, onClose, onDone }: { conflict: Conflict; onClose: () => void; onDone: () => void }) {
  const { data, failure } = useLoaded<Told>(`/api/admin/conflicts/${conflict.id}`);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState<Action | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const [others, setOthers] = useState<Conflict[]>([]);
  const [together, setTogether] = useState(false);
  const [done, setDone] = useState(0);
  const patient = conflict.kind === 'patient';
  useEffect(() => {
    if (patient || conflict.resolved) return undefined;
    const controller = new AbortController();
    alike(conflict, controller.signal).then(setOthers, () => undefined); // then each is decided by itself
    return () => controller.abort();
  }, [conflict.id]);
  const act = async (action: Action): Promise<void> => {
    setBusy(action);
    try {
      await post(`/api/admin/conflicts/${conflict.id}/decision`, { action, reason: reason.trim() });
    } catch (error) {
      setRefused(error instanceof Problem && error.status === 409 ? odd('busy.elsewhere') : refusal(error));
      setBusy(null);
      return;
    }
    try {
      if (together) await decideAll(others, action, reason.trim(), setDone);
      toast(odd(action === 'reopen' ? 'reopened' : 'done'));
    } catch (error) {
      toast(odd('all.stopped', { why: explain(error) }), 'bad');
    }
    onDone();
    onClose();
  };
  const button = (action: Action, text: string, primary = false) => (
    <Button kind={primary ? 'primary' : 'plain'} busy={busy === action} disabled={busy !== null || !data} onClick={() => void act(action)} data-testid={`decide-${action}`}>{text}</Button>
  );
  return (
    <Dialog title={odd(patient ? 'title.patient' : 'title.instance')} onClose={onClose} wide testid="compare"
      footer={
        <div class="compare-foot">
          <Field label={odd('reason')} hint={odd('reason.hint')}>
            {(control) => <input {...control} class="input" value={reason} maxLength={500} data-testid="decide-reason" onInput={(event) => setReason(event.currentTarget.value)} />}
          </Field>
          {others.length > 0 && (
            <label class="checkbox compare-all">
              <input type="checkbox" checked={together} disabled={busy !== null} data-testid="decide-all" onChange={(event) => setTogether(event.currentTarget.checked)} />
              <span>{busy && together ? odd('all.done', { done, count: others.length }) : odd('all', { count: others.length })}</span>
            </label>
          )}
          <div class="compare-acts">
            {conflict.resolved ? button('reopen', odd('reopen')) : <>
              {button(patient ? 'assign' : 'replace', odd(patient ? 'assign' : 'replace'))}
              {button('keep', odd(patient ? 'keep.patient' : 'keep'), true)}
            </>}
          </div>
        </div>
      }>
      <div class="compare">
        <p class="muted">{odd(patient ? 'why.patient' : 'why.instance')}</p>
        {(failure ?? refused) && <Notice kind="bad">{failure ?? refused}</Notice>}
        <div class="compare-sides">
          <Card which="shown" title={odd('shown')} id={conflict.id} side={data?.shown} against={data?.other} />
          <Card which="other" title={odd(patient ? 'other.patient' : 'other.instance')} id={conflict.id} side={data?.other} against={data?.shown} />
        </div>
        {data && <Differences found={data.differences} />}
      </div>
    </Dialog>
  );
}

function Card({ which, title, id, side, against }: { which: 'shown' | 'other'; title: string; id: number; side: Side | undefined; against: Side | undefined }) {
  const [blind, setBlind] = useState(false);
  return (
    <section class={`side side-${which}`} aria-label={title} data-testid={`side-${which}`}>
      <h3>{which === 'shown' && <Icon name="eye" />}{title}</h3>
      <div class="side-picture">
        {blind || (side && !side.frames)
          ? <span class="muted">{odd('picture.none')}</span>
          : side && <img src={`/api/admin/conflicts/${id}/picture/${which}`} alt={title} onError={() => setBlind(true)} />}
      </div>
      {side
        ? <dl class="side-facts">{facts(side).map(([name, value, beside], at) => (
            <div key={name} class={against && value !== facts(against)[at]?.[1] ? 'differs' : undefined}><dt>{name}</dt><dd>{[value, beside].filter(Boolean).join(' · ') || '–'}</dd></div>
          ))}</dl>
        : <div class="skeleton side-skeleton" />}
    </section>
  );
}

/** Name, value, and what stands beside the value and is not known of both. */
function facts(side: Side): [string, string, string?][] {
  return [
    [odd('fact.patient'), side.PatientName],
    [odd('fact.id'), side.PatientID],
    [odd('fact.birth'), [dicomDate(side.PatientBirthDate), side.PatientSex].filter(Boolean).join(' · ')],
    [odd('fact.study'), [dicomDate(side.StudyDate), side.StudyDescription].filter(Boolean).join(' · ')],
    [odd('fact.series'), [side.Modality, side.SeriesDescription].filter(Boolean).join(' · ')],
    [odd('fact.image'), [side.InstanceNumber === null ? '' : `#${side.InstanceNumber}`, picture(side)].filter(Boolean).join(' · ')],
    [odd('fact.by'), side.door === 'import' ? doorName(side.door) : side.source || doorName(side.door), side.address],
    [odd('fact.at'), dateTime(side.stored_at)],
    [odd('fact.file'), `${bytes(side.size)} · ${side.sha256.slice(0, 12)}…`],
  ];
}

function picture(side: Side): string {
  if (!side.frames || !side.Rows || !side.Columns) return odd('image.no');
  return odd('image.size', { rows: side.Rows, columns: side.Columns, frames: side.frames });
}

function Differences({ found }: { found: Difference[] }) {
  if (found.length === 0) return <p class="muted">{odd('differences.none')}</p>;
  return (
    <details class="differences" open>
      <summary>{odd('differences', { count: found.length })}</summary>
      <table data-testid="differences">
        <thead><tr><th scope="col">{odd('attribute')}</th><th scope="col">{odd('shown')}</th><th scope="col">{odd('other.instance')}</th></tr></thead>
        <tbody>
          {found.map((one) => (
            <tr key={one.tag}>
              <th scope="row">{one.keyword || `(${one.tag.slice(0, 4)},${one.tag.slice(4)})`}<span class="muted mono">{one.keyword && `(${one.tag.slice(0, 4)},${one.tag.slice(4)})`}</span></th>
              <Value text={one.shown} />
              <Value text={one.other} />
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function Value({ text }: { text: string | null }) {
  return <td>{text === null ? <span class="muted">{odd('missing')}</span> : text}</td>;
}
