/** Share links as the server tells them to their makers and to administrators. */
import { del, get, post } from '../common/api';
import { at, type Named } from '../common/at';

export type State = 'preparing' | 'ready' | 'revoked' | 'expired' | 'locked' | 'spent';
export type Reason =
  | 'secondary-capture' | 'ultrasound' | 'camera' | 'fluoroscopy' | 'burned-in' | 'screen' | 'film' | 'document' | 'report' | 'video' | 'not-an-image' | 'unreadable';

export interface GuestVisit {
  name: string;
  institution: string;
  address: string;
  agent: string;
  at: number;
  seen_at: number;
}

export interface ShareLink {
  id: number;
  purpose: string;
  recipient: string;
  created_at: number;
  expires_at: number;
  max_opens: number;
  opens: number;
  download: boolean;
  anonymise: boolean;
  state: State;
  in_force: boolean;
  /** The code of the consultation that copies were made for, to which nobody comes by a link; else empty. */
  consult: string;
  studies: number;
  images: { done: number; total: number; left: number };
  maker?: string;
  guests?: GuestVisit[];
}

export interface SharedSeries {
  StudyInstanceUID: string;
  SeriesInstanceUID: string;
  Modality: string;
  SeriesDescription: string;
  verdict: 'copy' | 'confirm' | 'never';
  reason: Reason | '';
  instances: number;
  copied: number;
  left: number;
  confirmed: boolean;
}

export interface LinkDetail extends ShareLink {
  series: SharedSeries[];
  guests: GuestVisit[];
}

export interface Terms {
  purpose: string;
  recipient: string;
  days: number;
  max_opens: number;
  download: boolean;
  anonymise: boolean;
  dates: 'removed' | 'shifted';
  characteristics: boolean;
}

/** What is shown once: the address with the secret, and the PIN. */
export interface Made {
  link: ShareLink;
  url: string;
  pin: string;
}

export const make = (study: Named, terms: Terms): Promise<Made> => post<Made>(`${at(study.hospital)}/api/links`, { studies: [study.StudyInstanceUID], ...terms });
export const detail = (id: number): Promise<LinkDetail> => get<LinkDetail>(`/api/links/${id}`);
export const own = async (): Promise<ShareLink[]> => (await get<{ links: ShareLink[] }>('/api/links')).links;
export const administered = async (): Promise<ShareLink[]> => (await get<{ links: ShareLink[] }>('/api/admin/links')).links;
export const revoke = (id: number, admin: boolean): Promise<void> => del(admin ? `/api/admin/links/${id}` : `/api/links/${id}`);
export const confirm = (id: number, series: string): Promise<void> => post(`/api/links/${id}/series`, { SeriesInstanceUID: series });
