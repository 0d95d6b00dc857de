/** Rejecting a study or one of its series, with a reason. */
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { get, may, post } from '../../common/api';
import { apiOf } from '../../common/at';
import { explain } from '../../common/explain';
import { common } from '../../common/strings';
import { Button, Dialog, Field, Notice, toast } from '../../common/ui';
import { rejection, TITLES, titleName, type Title } from '../rejection';
import type { Series, Study, StudyDetail } from './model';

/** The study somebody wants to reject. */
export const toReject = signal<Study | null>(null);

export function RejectDialog({ study }: { study: Study }) {
  const [series, setSeries] = useState<Series[]>([]);
  const [chosen, setChosen] = useState('');
  const [title, setTitle] = useState<Title>('113001');
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    const controller = new AbortController();
    get<StudyDetail>(apiOf(study), undefined, { signal: controller.signal }).then(
      (detail) => setSeries(detail.series),
      () => undefined, // The whole study can be rejected all the same.
    );
    return () => controller.abort();
  }, [study.hospital, study.StudyInstanceUID]);
  const titles = TITLES.filter((one) => one !== '113039' || may('admin.delete'));
  const close = (): void => void (toReject.value = null);
  const act = async (): Promise<void> => {
    setBusy(true);
    try {
      const done = await post<{ instances: number }>(`${apiOf(study)}/rejection`, { title, reason: reason.trim(), series: chosen });
      toast(rejection('reject.done', { count: done.instances }));
      close();
    } catch (error) {
      setFailure(explain(error));
      setBusy(false);
    }
  };
  const ready = reason.trim() !== '';
  return (
    <Dialog title={rejection('reject.title')} onClose={close} testid="reject-dialog"
      footer={<><Button onClick={close}>{common('cancel')}</Button><Button kind="danger" busy={busy} disabled={!ready} onClick={() => void act()} data-testid="reject-do">{rejection('reject.do')}</Button></>}>
      <form class="form" onSubmit={(event) => { event.preventDefault(); if (ready && !busy) void act(); }}>
        <p><strong>{study.PatientName}</strong> {study.StudyDescription}</p>
        <p class="muted">{rejection('reject.text')}</p>
        <Field label={rejection('reject.what')}>
          {(control) => (
            <select {...control} class="select" value={chosen} data-testid="reject-what" onChange={(event) => setChosen(event.currentTarget.value)}>
              <option value="">{rejection('reject.whole', { count: study.instances })}</option>
              {series.length > 1 && series.map((one) => (
                <option key={one.SeriesInstanceUID} value={one.SeriesInstanceUID}>
                  {rejection('reject.series', { modality: one.Modality, name: one.SeriesDescription || rejection('reject.noName'), count: one.instances })}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={rejection('reject.why')}>
          {(control) => (
            <select {...control} class="select" value={title} data-testid="reject-title" onChange={(event) => setTitle(event.currentTarget.value as Title)}>
              {titles.map((one) => <option key={one} value={one}>{titleName(one)}</option>)}
            </select>
          )}
        </Field>
        <Field label={rejection('reason')} hint={rejection('reason.hint')}>
          {(control) => <input {...control} class="input" value={reason} maxLength={500} data-testid="reject-reason" onInput={(event) => setReason(event.currentTarget.value)} />}
        </Field>
        {failure && <Notice kind="bad">{failure}</Notice>}
      </form>
    </Dialog>
  );
}
