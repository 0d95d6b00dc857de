/** Quick view: pictures that the server made, on any phone or computer. It never loads the reading room's programs. */
import { useEffect, useState } from 'preact/hooks';
import { dicomDate } from '../../common/dicom-text';
import { Icon } from '../../common/icons';
import { IconButton, Notice } from '../../common/ui';
import { LanguageSwitch } from '../app';
import { ask, here, leave, reached, type SharedStudy } from '../guest';
import { say } from '../strings';
import { named, Progress } from '../studies';
import { Stage } from './stage';
import { choose, chosen, failed, forget, frames, list, listed, series } from './stacks';
import type { Series } from '../../reading/dicom/series';

export function Lite({ study, onBack }: { study: SharedStudy; onBack: () => void }) {
  const uid = study.StudyInstanceUID;
  const [info, setInfo] = useState(false);
  const images = here.value?.images.done ?? 0;
  useEffect(() => forget, []);
  useEffect(() => {
    void list(uid).then(() => {
      const first = series.value[0];
      if (first && chosen.value === null) void choose(uid, first.uid);
      else if (chosen.value && series.value.some((one) => one.uid === chosen.value && one.instances > frames.value.length)) void choose(uid, chosen.value);
    });
  }, [images]);
  const current = series.value.find((one) => one.uid === chosen.value);
  const facts = [study.PatientName, dicomDate(study.StudyDate ?? '')].filter(Boolean).join(' · ');
  return (
    <div class="lite" data-testid="lite">
      <header class="lite-head">
        <IconButton icon="back" label={say('back')} onClick={onBack} data-testid="lite-back" />
        <div class="lite-title">
          <h1>{named(study)}</h1>
          <p>{facts}</p>
        </div>
        <IconButton icon="info" label={say('info')} aria-expanded={info} onClick={() => setInfo(!info)} data-testid="lite-info" />
      </header>
      {!reached.value && <p class="lite-offline" role="status">{say('offline')}</p>}
      {info && <Info onClose={() => setInfo(false)} />}
      <div class="lite-body">
        <nav class="lite-series" aria-label={say('series')}>
          <ul>
            {series.value.map((one) => <li key={one.uid}><Thumb study={uid} one={one} current={one.uid === chosen.value} /></li>)}
          </ul>
        </nav>
        {failed.value ? (
          <button type="button" class="lite-empty" onClick={() => current && void choose(uid, current.uid)}>{say('series.failed')}</button>
        ) : frames.value.length > 0 && current ? (
          <Stage key={current.uid} frames={frames.value} series={current} />
        ) : (
          <p class="lite-empty" role="status">{current || !listed.value ? <span class="spinner" /> : say('series.empty')}</p>
        )}
      </div>
      {here.value && <Progress told={here.value} />}
    </div>
  );
}

function Info({ onClose }: { onClose: () => void }) {
  const told = here.value;
  useEffect(() => {
    const close = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') onClose();
    };
    addEventListener('keydown', close);
    return () => removeEventListener('keydown', close);
  }, []);
  if (!told) return null;
  return (
    <section class="lite-sheet" data-testid="lite-sheet">
      <IconButton icon="close" label={say('close')} onClick={onClose} class="lite-sheet-close" />
      <dl>
        <div><dt>{say('from')}</dt><dd>{told.hospital}</dd></div>
        <div><dt>{say('purpose')}</dt><dd>{told.purpose}</dd></div>
        <div><dt>{say('you')}</dt><dd>{told.guest.name}, {told.guest.institution}</dd></div>
      </dl>
      <p>{say(matchMedia('(pointer: coarse)').matches ? 'help.touch' : 'help.mouse')}</p>
      <Notice kind="warn">{say('quality.text')}</Notice>
      <div class="lite-sheet-foot">
        <LanguageSwitch />
        <button type="button" class="btn" onClick={() => void leave()}><Icon name="logout" /><span>{say('leave')}</span></button>
      </div>
    </section>
  );
}

function Thumb({ study, one, current }: { study: string; one: Series; current: boolean }) {
  const [picture, setPicture] = useState('');
  useEffect(() => {
    let address = '';
    let gone = false;
    ask(`/dicom-web/studies/${study}/series/${one.uid}/thumbnail`, { headers: { Accept: 'image/jpeg' } })
      .then(async (answer) => (answer.ok ? answer.blob() : null))
      .then((blob) => {
        if (blob && !gone) setPicture((address = URL.createObjectURL(blob)));
      })
      .catch(() => undefined); // The series can be chosen without its picture.
    return () => {
      gone = true;
      if (address) URL.revokeObjectURL(address);
    };
  }, [one.instances]);
  const name = one.description || say('series.one', { number: one.number ?? '–' });
  return (
    <button type="button" class="lite-thumb" aria-current={current ? 'true' : undefined} title={name} onClick={() => void choose(study, one.uid)} data-testid="lite-thumb">
      <span class="lite-thumb-frame">{picture && <img src={picture} alt="" draggable={false} />}</span>
      <span class="lite-thumb-name">{name}</span>
      <span class="lite-thumb-count">{one.modality} · {one.instances}</span>
    </button>
  );
}
