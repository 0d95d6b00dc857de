/** What a study is, at a glance, beside the list. */
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { get, may } from '../../common/api';
import { apiOf, pageOf, webOf } from '../../common/at';
import { dicomDate } from '../../common/dicom-text';
import { bytes, dateTime } from '../../common/i18n';
import { Icon } from '../../common/icons';
import { Button } from '../../common/ui';
import { words as sharing } from '../../sharing/strings';
import { rejection } from '../rejection';
import { countText, documentKind, isOwn, mayAsk, Modalities, sexAge, studyDate } from './cells';
import { keyOf, type Series, type Study, type StudyDetail } from './model';
import { ask } from '../consult/entry';
import { toReject } from './reject';
import { toShare } from './share';
import * as store from './store';
import { words } from './strings';
import { pointed } from './table';

const REST_MS = 220;
const shown = signal<string | null>(null);

export function Preview() {
  const wanted = pointed.value ?? store.active.value;
  useEffect(() => {
    if (wanted === null) return; // What was seen last stays.
    const timer = setTimeout(() => (shown.value = wanted), shown.value === null ? 60 : REST_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  const study = store.rows.value.find((row) => keyOf(row) === shown.value);
  return (
    <aside class="preview" aria-label={words('preview.title')} data-testid="preview">
      {study ? <Sheet key={keyOf(study)} study={study} /> : (
        <div class="preview-none">
          <Icon name="list" size={28} />
          <p>{words('preview.none')}</p>
          <p class="muted">{words('preview.none.text')}</p>
        </div>
      )}
    </aside>
  );
}

function Sheet({ study }: { study: Study }) {
  const series = useSeries(study);
  const facts: [string, string][] = [
    [words('preview.id'), study.PatientID],
    [words('preview.born'), dicomDate(study.PatientBirthDate)],
    [words('col.age'), sexAge(study)],
    [words('preview.date'), studyDate(study)],
    [words('preview.accession'), study.AccessionNumber],
    [words('preview.referring'), study.ReferringPhysicianName],
    [words('preview.institution'), study.InstitutionName],
    [words('preview.received'), dateTime(study.received_at)],
    [words('preview.size'), `${countText(study)} · ${bytes(study.bytes)}`],
  ];
  return (
    <>
      <header class="preview-head">
        <h2>{study.PatientName || words('noName')}</h2>
        <p><Modalities study={study} /> <span>{study.StudyDescription || words('noDescription')}</span></p>
        <a class="btn btn-primary btn-wide" href={pageOf(study)} data-testid="preview-open">{words('preview.open')}</a>
        {mayAsk(study) && <Button icon="consult" class="btn-wide" data-testid="preview-consult" onClick={() => ask(study)}>{words('consult')}</Button>}
        {may('link.make') && isOwn(study) && <Button icon="link" class="btn-wide" data-testid="preview-share" onClick={() => (toShare.value = study)}>{sharing('share')}</Button>}
        {may('study.reject') && isOwn(study) && <button type="button" class="link preview-reject" data-testid="preview-reject" onClick={() => (toReject.value = study)}>{rejection('reject')}</button>}
      </header>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class={value ? '' : 'col-none'}>{value || '–'}</dd>
          </div>
        ))}
      </dl>
      <h3 class="preview-sub">{words('preview.series')}<span>{study.series}</span></h3>
      <ul class="thumbs">
        {(series ?? Array.from({ length: Math.min(study.series, 6) }, () => null)).map((one, index) => (
          <li key={one?.SeriesInstanceUID ?? index}>{one ? <Thumb study={study} series={one} /> : <span class="thumb-frame skeleton-block" />}</li>
        ))}
      </ul>
    </>
  );
}

function Thumb({ study, series }: { study: Study; series: Series }) {
  const [missing, setMissing] = useState(false);
  const address = `${webOf(study)}/series/${series.SeriesInstanceUID}/thumbnail`;
  const kind = documentKind(series.Modality);
  const name = series.SeriesDescription || kind || (series.SeriesNumber === null ? words('preview.series') : words('preview.series.text', { number: String(series.SeriesNumber) }));
  return (
    <a class="thumb" href={`${pageOf(study)}?series=${series.SeriesInstanceUID}`} title={name}>
      <span class="thumb-frame">
        {kind !== null || missing
          ? <span class="thumb-none"><Icon name="file" size={24} />{kind === null ? words('preview.noThumbnail') : words('preview.noImages')}</span>
          : <img src={address} alt="" loading="lazy" decoding="async" onError={() => setMissing(true)} />}
        <span class="thumb-count">{series.instances}</span>
      </span>
      <span class="thumb-name"><b>{series.Modality}</b> {name}</span>
    </a>
  );
}

/** The series of a study; asked again when the study has grown. */
function useSeries(study: Study): Series[] | null {
  const [series, setSeries] = useState<Series[] | null>(null);
  useEffect(() => {
    const controller = new AbortController();
    get<StudyDetail>(apiOf(study), undefined, { signal: controller.signal }).then(
      (detail) => setSeries(detail.series),
      () => setSeries((before) => before ?? []),
    );
    return () => controller.abort();
  }, [study.hospital, study.StudyInstanceUID, study.series, study.instances]);
  return series;
}
