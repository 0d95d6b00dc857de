/** What one sees of cases beside the open one: the way to put them there, and what stands over their images. */
import { useEffect, useState } from 'preact/hooks';
import { get } from '../../common/api';
import { apiOf } from '../../common/at';
import { panes, study, type Study } from '../control/room';
import { PICTURELESS } from '../dicom/series';
import { text } from '../dicom/json';
import { besides, canStand, putBeside } from './beside';
import { unshared } from './follow';
import type { Case } from './room';
import { live } from './strings';

/** The button of a case; once it stands beside, its series. */
export function PutBeside({ one }: { one: Case }) {
  const [busy, setBusy] = useState(false);
  const there = [...besides.value].filter(([, position]) => position === one.position).map(([uid]) => uid);
  if (!canStand(one)) return null;
  const put = (series: string | null): void => {
    setBusy(true);
    putBeside(one, series).catch(() => undefined).finally(() => setBusy(false));
  };
  return (
    <>
      <button type="button" class="button live-put" disabled={busy} title={live('besideHint')} aria-label={`${live('beside')}: ${one.label}`} data-testid={`live-beside-${one.position}`} onClick={() => put(null)}>{live('beside')}</button>
      {there.length > 0 && <SeriesOf one={one} put={put} />}
    </>
  );
}

function SeriesOf({ one, put }: { one: Case; put: (series: string) => void }) {
  const [rows, setRows] = useState<Study['series']>([]);
  useEffect(() => {
    get<Study>(apiOf(one)).then((row) => setRows(row.series.filter(({ Modality }) => !PICTURELESS.has(Modality ?? ''))), () => undefined);
  }, [one.StudyInstanceUID]);
  if (rows.length < 2) return null;
  const shown = new Set(panes.map((pane) => pane.value.series));
  return (
    <span class="live-series" role="group" aria-label={live('besideSeries')}>
      {rows.map(({ SeriesInstanceUID: uid, SeriesNumber, SeriesDescription, Modality }) => (
        <button key={uid} type="button" class="button" aria-pressed={shown.has(uid)} data-testid="live-beside-series" data-series={uid} onClick={() => put(uid)}>
          {[SeriesNumber, SeriesDescription || Modality].filter(Boolean).join(' · ')}
        </button>
      ))}
    </span>
  );
}

/** Over one viewport: which case its image is of when it is another, or that what the presenter shows there is not for this reader. */
export function BesideMark({ index }: { index: number }) {
  const pane = panes[index]?.value;
  const position = besides.value.get(pane?.series ?? '');
  if (position !== undefined) {
    const dataset = pane?.view?.frame?.instance.dataset;
    const other = dataset && study.value && text(dataset, '00100020') !== study.value.PatientID;
    return (
      <p class={`live-other${other ? ' bad' : ''}`} data-testid="live-other">
        <strong>{live('besideHere', { case: position + 1 })}{other && ` · ${live('besidePatient')}`}</strong><small>{live('besideKept')}</small>
      </p>
    );
  }
  const hidden = unshared(index);
  if (hidden === null || pane?.state !== 'empty') return null;
  return <p class="live-unshared" role="status" data-testid="live-unshared">{live('unshared', { case: hidden + 1 })}</p>;
}
