/** The facts of a study as short texts, the same in rows, cards and preview. */
import { age, dicomDate, dicomTime } from '../../common/dicom-text';
import { dateTime, number, relative } from '../../common/i18n';
import { Icon } from '../../common/icons';
import { openMenu } from '../../common/menu';
import { explain } from '../../common/explain';
import { may, session } from '../../common/api';
import { IconButton, toast } from '../../common/ui';
import { STATUSES, type Study } from './model';
import { StatusMark, statusName } from './status';
import { receiving, setStatus } from './store';
import { keyOf } from './model';
import { words } from './strings';
import { words as sharing } from '../../sharing/strings';
import { rejection } from '../rejection';
import { addTo, askForRooms, led, nameOfRoom } from './rooms';
import { ask } from '../consult/entry';
import { toReject } from './reject';
import { toShare } from './share';


/** What a series of this modality is when it has no images ("structured report"); null for images. */
export function documentKind(modality: string): string | null {
  const kind = KINDS[modality];
  return kind ? words(`kind.${kind}`) : null;
}

type DocumentKind = 'report' | 'keyImages' | 'presentation' | 'waveform' | 'audio' | 'document' | 'plan' | 'registration' | 'other';

/** All of storage/model/modalities.py, which counts them apart; a test compares. */
const KINDS: Readonly<Record<string, DocumentKind>> = {
  SR: 'report', KO: 'keyImages', PR: 'presentation', ECG: 'waveform', EPS: 'waveform', HD: 'waveform', AU: 'audio', DOC: 'document',
  PLAN: 'plan', REG: 'registration', FID: 'registration', RTSTRUCT: 'plan', RTPLAN: 'plan', RTRECORD: 'plan', ANN: 'other', RWV: 'other',
};

/** So many images, and apart from them what has no picture of its own. */
export function countText({ images, documents }: Pick<Study, 'images' | 'documents'>): string {
  return [images > 0 || documents === 0 ? words('images', { count: images }) : '', documents > 0 ? words('documents', { count: documents }) : ''].filter(Boolean).join(' + ');
}

export function sexText(sex: string): string {
  return sex === 'M' || sex === 'F' || sex === 'O' ? words(`sex.${sex}`) : '';
}

export function ageText(study: Pick<Study, 'PatientAge' | 'PatientBirthDate' | 'StudyDate'>): string {
  return age(study.PatientAge, study.PatientBirthDate, study.StudyDate);
}

export function sexAge(study: Study): string {
  return [sexText(study.PatientSex), ageText(study)].filter(Boolean).join(' · ');
}

export function studyDate(study: Pick<Study, 'StudyDate' | 'StudyTime'>): string {
  return [dicomDate(study.StudyDate), study.StudyDate && dicomTime(study.StudyTime)].filter(Boolean).join(' ');
}

/** Opens the menu of statuses below its button. */
export function chooseStatus(anchor: HTMLElement, study: Study): void {
  if (may('study.read')) askForRooms();
  openMenu(anchor, words('status'), () => [
    ...STATUSES.map((status) => ({
      id: `status-${status}`,
      text: statusName(status),
      mark: <StatusMark status={status} />,
      checked: status === study.status,
      onSelect: () => {
        if (status === study.status) return;
        setStatus(study, status).then(
          () => toast(words('status.changed', { status: statusName(status) })),
          (error: unknown) => toast(explain(error), 'bad'),
        );
      },
    })),
    ...led.value.map((room, index) => ({ id: `room-${room.code}`, text: words('room.add', { room: nameOfRoom(room) }), icon: 'consult' as const, separate: index === 0, onSelect: () => addTo(room, study) })),
    ...(may('link.make') && isOwn(study) ? [{ id: 'share', text: sharing('share'), icon: 'link' as const, separate: true, onSelect: () => void (toShare.value = study) }] : []),
    ...(may('study.reject') ? [{ id: 'reject', text: rejection('reject'), icon: 'trash' as const, separate: true, onSelect: () => void (toReject.value = study) }] : []),
  ]);
}

export function StatusButton({ study }: { study: Study }) {
  const name = statusName(study.status);
  const face = (
    <>
      <StatusMark status={study.status} />
      <span>{name}</span>
    </>
  );
  if (!may('study.status') || !isOwn(study)) return <span class="status-button status-plain">{face}</span>;
  return (
    <button
      type="button"
      class="status-button"
      tabIndex={-1}
      aria-haspopup="menu"
      aria-label={words('status.change', { status: name })}
      data-testid="row-status"
      onClick={(event) => chooseStatus(event.currentTarget, study)}
    >
      {face}
    </button>
  );
}

/** Whether the study is of a hospital of one's own; others are shown by a consultation. */
export const isOwn = (study: Study): boolean => session.value?.hospitals.some(({ code }) => code === study.hospital) ?? false;

export const mayAsk = (study: Study): boolean => may('consult.ask') && isOwn(study);

/** Asking about the study, from its row. */
export function AskButton({ study }: { study: Study }) {
  if (!mayAsk(study)) return null;
  return <IconButton icon="consult" class="row-ask" label={words('consult')} tabIndex={-1} data-testid="row-consult" onClick={() => ask(study)} />;
}

export function Modalities({ study }: { study: Study }) {
  const shown = study.modalities.length > 2 ? study.modalities.slice(0, 2) : study.modalities;
  return (
    <span class="modalities" title={study.modalities.join(', ')}>
      {shown.map((modality) => <span key={modality} class="modality">{modality}</span>)}
      {study.modalities.length > 2 && <span class="modality-more">+{study.modalities.length - 2}</span>}
    </span>
  );
}

export function ImageCount({ study, unit }: { study: Study; unit?: boolean }) {
  const growing = receiving.value.has(keyOf(study));
  return (
    <span class={growing ? 'image-count growing' : 'image-count'} title={`${countText(study)}, ${words('seriesCount', { count: study.series })}`} data-testid="row-images">
      {growing && <span class="receiving-dot" role="img" aria-label={words('receiving')} />}
      {unit ? countText(study) : number(study.images)}
      {!unit && study.documents > 0 && <span class="documents-count">+{number(study.documents)}</span>}
    </span>
  );
}

export function Conflict({ study }: { study: Study }) {
  if (!study.conflicts) return null;
  return (
    <span class="conflict-badge" role="img" aria-label={words('conflict')} title={words('conflict.title', { count: study.conflicts })} data-testid="row-conflict">
      <Icon name="conflict" size={12} />
      <span>{words('conflict')}</span>
    </span>
  );
}

export function Received({ study }: { study: Study }) {
  return <span title={dateTime(study.received_at)}>{relative(study.received_at)}</span>;
}
