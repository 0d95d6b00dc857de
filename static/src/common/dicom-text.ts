/** How DICOM values are shown to people: names, dates, times, ages. */
import { language } from './i18n';

/** A DA value (`20260131`, also the old `2026.01.31`) as day/month/year; what is no date is shown as it is. */
export function dicomDate(value: string | null | undefined): string {
  if (!value) return '';
  const match = /^(\d{4})[.-]?(\d{2})[.-]?(\d{2})$/.exec(value.trim());
  return match ? `${match[3] ?? ''}/${match[2] ?? ''}/${match[1] ?? ''}` : value;
}

/** A TM value as hours and minutes. */
export function dicomTime(value: string | null | undefined): string {
  const match = /^(\d{2}):?(\d{2})/.exec((value ?? '').trim());
  return match ? `${match[1] ?? ''}:${match[2] ?? ''}` : '';
}

/** DICOM's day of a date of this device. */
export function toDicomDate(date: Date): string {
  return `${date.getFullYear()}`.padStart(4, '0') + `${date.getMonth() + 1}`.padStart(2, '0') + `${date.getDate()}`.padStart(2, '0');
}

const AGE_UNITS = { vi: { Y: 'tuổi', M: 'tháng', W: 'tuần', D: 'ngày' }, en: { Y: 'y', M: 'mo', W: 'wk', D: 'd' } } as const;

/** The age at the study: from PatientAge (`045Y`), else from the two dates. Below three years in months, as paediatrics counts. */
export function age(patientAge: string | null | undefined, birthDate?: string | null, studyDate?: string | null): string {
  const units = AGE_UNITS[language.value];
  const match = /^0*(\d{1,3})([YMWD])$/.exec((patientAge ?? '').trim());
  if (match) return `${match[1] ?? ''} ${units[match[2] as keyof typeof units]}`;
  const birth = parts(birthDate);
  const study = parts(studyDate);
  if (!birth || !study) return '';
  const months = (study[0] - birth[0]) * 12 + study[1] - birth[1] - (study[2] < birth[2] ? 1 : 0);
  if (months < 0 || months > 150 * 12) return '';
  return months < 36 ? `${months} ${units.M}` : `${Math.floor(months / 12)} ${units.Y}`;
}

function parts(value: string | null | undefined): [number, number, number] | null {
  const match = /^(\d{4})[.-]?(\d{2})[.-]?(\d{2})$/.exec((value ?? '').trim());
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : null;
}
