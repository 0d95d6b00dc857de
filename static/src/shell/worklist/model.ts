/** What the worklist shows and how it is asked for. */
import { toDicomDate } from '../../common/dicom-text';

export type Status = 'unread' | 'reading' | 'read';
export const STATUSES: readonly Status[] = ['unread', 'reading', 'read'];

export interface Study {
  hospital: string;
  hospital_name: string;
  StudyInstanceUID: string;
  PatientName: string;
  PatientID: string;
  PatientBirthDate: string;
  PatientSex: string;
  PatientAge?: string;
  StudyDate: string;
  StudyTime: string;
  StudyDescription: string;
  AccessionNumber: string;
  ReferringPhysicianName: string;
  InstitutionName: string;
  modalities: string[];
  series: number;
  /** Images and documents. */
  instances: number;
  images: number;
  documents: number;
  bytes: number;
  status: Status;
  conflicts: number;
  received_at: number;
  changed_at: number;
}

export interface Series {
  SeriesInstanceUID: string;
  Modality: string;
  SeriesNumber: number | string | null;
  SeriesDescription: string;
  BodyPartExamined: string;
  instances: number;
}

export type StudyDetail = Omit<Study, 'series'> & { series: Series[] };

export interface Facets {
  modality: Record<string, number>;
  status: Record<string, number>;
  hospital: Record<string, number>;
}

export interface Page {
  studies: Study[];
  next: string | null;
  total: number;
  facets: Facets;
  sequence: number;
}

export type Sort = 'received_at' | '-received_at' | 'study_date' | '-study_date' | 'patient_name' | '-patient_name';
export const SORTS: readonly Sort[] = ['-received_at', 'received_at', '-study_date', 'study_date', 'patient_name', '-patient_name'];

export type Period = 'all' | 'today' | '3' | '7' | 'range';
export const PERIODS: readonly Period[] = ['all', 'today', '3', '7', 'range'];

export interface Filters {
  q: string;
  period: Period;
  /** Days of a range as the date inputs write them, `2026-01-31`. */
  from: string;
  to: string;
  modalities: readonly string[];
  status: Status | '';
  hospital: string;
  sort: Sort;
}

export const NO_FILTERS: Filters = { q: '', period: 'all', from: '', to: '', modalities: [], status: '', hospital: '', sort: '-received_at' };

/** The server counts no further. */
export const COUNT_CAP = 10_000;

/** One study of one hospital; the same UID in two hospitals is two studies. */
export function keyOf(study: { hospital: string; StudyInstanceUID: string }): string {
  return `${study.hospital}/${study.StudyInstanceUID}`;
}

export function asStudy(detail: StudyDetail): Study {
  return { ...detail, series: detail.series.length };
}

/** Whether anything but the order narrows the list. */
export function narrowed(filters: Filters): boolean {
  return filters.q.trim() !== '' || dates(filters).from !== undefined || dates(filters).to !== undefined
    || filters.modalities.length > 0 || filters.status !== '' || filters.hospital !== '';
}

/** The first and last day asked for, in DICOM form; "3 days" are today and the two before. */
export function dates(filters: Pick<Filters, 'period' | 'from' | 'to'>, now: Date = new Date()): { from?: string; to?: string } {
  if (filters.period === 'all') return {};
  if (filters.period === 'range') {
    const [first, last] = [filters.from, filters.to].map((day) => (/^\d{4}-\d{2}-\d{2}$/.test(day) ? day.replaceAll('-', '') : undefined));
    // A range given backwards means the same days.
    return first && last && first > last ? { from: last, to: first } : { from: first, to: last };
  }
  const back = filters.period === 'today' ? 0 : Number(filters.period) - 1;
  const from = new Date(now.getFullYear(), now.getMonth(), now.getDate() - back);
  return { from: toDicomDate(from), to: filters.period === 'today' ? toDicomDate(now) : undefined };
}

/** The filters as the server's query. */
export function queryOf(filters: Filters, now?: Date): Record<string, string | undefined> {
  return {
    q: filters.q.trim() || undefined,
    ...dates(filters, now),
    modality: filters.modalities.join(',') || undefined,
    status: filters.status || undefined,
    hospital: filters.hospital || undefined,
    sort: filters.sort,
  };
}

/** Filters as they were kept; whatever is not understood is left out. */
export function restore(text: string | null): Filters {
  try {
    const kept = JSON.parse(text ?? '{}') as Partial<Record<keyof Filters, unknown>>;
    const word = (value: unknown): string => (typeof value === 'string' ? value : '');
    return {
      q: word(kept.q),
      period: PERIODS.find((period) => period === kept.period) ?? 'all',
      from: word(kept.from),
      to: word(kept.to),
      modalities: Array.isArray(kept.modalities) ? kept.modalities.filter((one): one is string => typeof one === 'string') : [],
      status: STATUSES.find((status) => status === kept.status) ?? '',
      hospital: word(kept.hospital),
      sort: SORTS.find((sort) => sort === kept.sort) ?? '-received_at',
    };
  } catch {
    return NO_FILTERS;
  }
}
