/** Consultations as the server tells of them, and the ways to act in one. */
import { signal } from '@preact/signals';
import { webOf, type Named } from '../common/at';
import { get, post, request } from '../common/api';
import { language, type Language } from '../common/i18n';
import { uuid } from '../common/uuid';

export interface Term {
  code: string;
  vi: string;
  en: string;
  group: string;
}

export type TableName =
  | 'chip_groups' | 'chips' | 'specialties' | 'urgencies' | 'verdicts' | 'outcomes' | 'informed'
  | 'entities' | 'sites' | 'sides' | 'densities' | 'trends' | 'certainties';
export type Vocabulary = Record<TableName, Term[]> & { urgency_minutes: Record<Urgency, number> };

export type Urgency = 'emergency' | 'urgent' | 'routine';
export type State = 'asked' | 'accepted' | 'answered' | 'concluded' | 'closed' | 'withdrawn';
export type Verdict = 'agree' | 'differ' | 'more';
export type Outcome = 'yes' | 'no' | 'na';
export type Box = 'waiting' | 'to_me' | 'from_me' | 'concluded';
export const BOXES: readonly Box[] = ['waiting', 'to_me', 'from_me', 'concluded'];
export type Kind =
  | 'asked' | 'accepted' | 'opinion' | 'message' | 'translation' | 'key_images' | 'attachment' | 'room_opened' | 'room_closed'
  | 'concluded' | 'signed' | 'addendum' | 'closed' | 'withdrawn' | 'revoked' | 'reopened';

export interface Place {
  code: string;
  name: string;
}

export interface Someone {
  id: number;
  name: string;
}

export interface NamedStudy {
  /** null until there is something to show. */
  StudyInstanceUID: string | null;
  /** The code of its hospital; null for a copy. */
  hospital: string | null;
  prior: boolean;
  ready: boolean;
  modalities: string[];
  StudyDate: string;
  StudyDescription: string;
  images: number;
  expected: number;
}

export interface Card {
  code: string;
  state: State;
  sides: ('from' | 'to')[];
  /** Whether it is our turn. */
  mine: boolean;
  urgency: Urgency;
  due_at: number;
  created_at: number;
  changed_at: number;
  answered_at: number | null;
  closed_at: number | null;
  revoked: boolean;
  shows: boolean;
  sequence: number;
  seen: number;
  hospital: Place | null;
  requester: Someone | null;
  to_hospital: Place | null;
  /** `came`: false while somebody who was invited has not signed in yet. */
  to_person: (Someone & { came: boolean }) | null;
  specialty: string;
  chips: string[];
  question: string;
  language: Language;
  anonymise: boolean;
  verdict: Verdict | '';
  outcome: Outcome | '';
  informed_how: string;
  informed_at: number | null;
  patient: { name: string; sex: string; age: string } | null;
  images: { arrived: number; expected: number };
  arriving: boolean;
  studies: NamedStudy[];
}

/** Of an anonymised consultation, told to those who ask: images that wait until a person has looked, and that no copy is made of. */
export interface CopiesLeft {
  waiting: number;
  never: number;
}

export interface ImageReference {
  study_instance_uid: string;
  series_instance_uid: string;
  sop_instance_uid: string;
  frame: number;
  note: string;
  /** Width and centre it is meant to be seen with; null when it was shown as the image asks for. */
  window?: [number, number];
  invert?: boolean;
}

export interface Finding {
  entity: string;
  site?: string;
  side?: string;
  density?: string;
  trend?: string;
  certainty?: string;
  size_mm?: number[];
}

export interface Happening {
  sequence: number;
  client_id: string;
  at: number;
  kind: Kind;
  actor: { id: number | null; name: string; guest: boolean };
  hospital: Place | null;
  mine: boolean;
  body: {
    text?: string;
    language?: Language;
    verdict?: Verdict;
    outcome?: Outcome;
    chips?: string[];
    images?: ImageReference[];
    conclusion?: string;
    recommendation?: string;
    of?: number;
    by?: 'person' | 'machine';
    id?: string;
    name?: string;
    type?: string;
    size?: number;
    /** Of a live session that is over. */
    began_at?: number;
    ended_at?: number;
    participants?: { name: string; hospital: string }[];
    drawings?: number;
    messages?: number;
  };
  sentences?: Record<Language, string[]>;
}

export interface AttachmentFacts {
  id: string;
  name: string;
  type: string;
  size: number;
  at: number;
}

export interface Whole extends Card {
  may: Kind[];
  attachments: AttachmentFacts[];
  copies: CopiesLeft | null;
  events: Happening[];
}

export interface Inbox {
  sequence: number;
  counts: Record<Box, number>;
  consults: Card[];
}

export interface Addressee {
  code: string;
  name: string;
  own: boolean;
  /** Whether the hospital as a whole can be asked. */
  answers: boolean;
  specialties: string[];
  people: { id: number; name: string; specialties: string[]; invited: boolean; came: boolean }[];
}

/** Whether a machine translates here; null until it is known. */
export const machine = signal<boolean | null>(null);

export function loadMachine(): void {
  if (machine.value === null) get<{ on: boolean }>('/api/consult/translation').then(({ on }) => (machine.value = on), () => undefined);
}

/** The words of all codes; null until they are here. */
export const vocabulary = signal<Vocabulary | null>(null);
let asking: Promise<Vocabulary> | null = null;

export function loadVocabulary(): Promise<Vocabulary> {
  asking ??= get<Vocabulary>('/api/consult/vocabulary').then(
    (found) => (vocabulary.value = found),
    (error: unknown) => {
      asking = null;
      throw error;
    },
  );
  return asking;
}

/** What a code means, in the language of the page. */
export function words(table: TableName, code: string): string {
  const found = vocabulary.value?.[table].find((term) => term.code === code);
  return found ? found[language.value] : '';
}

export const terms = (table: TableName): Term[] => vocabulary.value?.[table] ?? [];

/** A name for what is sent, so that sending it again after a cut is harmless. */
export const clientId = uuid;

export function act(code: string, kind: Kind, body: object, id = clientId()): Promise<{ event: Happening; state: State }> {
  return post(`/api/consults/${code}/events`, { client_id: id, kind, body });
}

export function attach(code: string, file: Blob, name: string, id: string): Promise<unknown> {
  return request('PUT', `/api/consults/${code}/attachments/${id}`, { body: file, headers: { 'X-File-Name': encodeURIComponent(name) } });
}

export const eventsPath = (code: string): string => `/api/consults/${code}/events`;

export const attachmentPath = (code: string, id: string): string => `/api/consults/${code}/attachments/${id}`;

/** The study of a consultation that an image is of, for its address. */
export const shownIn = (studies: readonly Named[] | undefined, { study_instance_uid: uid }: { study_instance_uid: string }): Named =>
  studies?.find((one) => one.StudyInstanceUID === uid) ?? { StudyInstanceUID: uid };

/** A small picture of a frame. */
export function picturePath(image: Omit<ImageReference, 'note'>, study: Named, size = 256): string {
  const { series_instance_uid: series, sop_instance_uid: sop, frame, window } = image;
  return `${webOf(study)}/series/${series}/instances/${sop}/frames/${frame}/rendered?viewport=${size},${size}${window ? `&window=${window[1]},${window[0]},linear` : ''}`;
}
