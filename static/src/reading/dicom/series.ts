/** A series as the reading room shows it: a stack of frames, or a card that says what it is. */
import { instancesOf, type Frame, type Instance } from './instance';
import { number, text, type Dataset } from './json';
import { sorted, type Order } from './sorting';

export interface Series {
  uid: string;
  modality: string;
  number: number | null;
  description: string;
  bodyPart: string;
  /** As the server counts them; more than the stack while metadata is not here or instances have no pixels. */
  instances: number;
}

export interface Stack {
  series: string;
  modality: string;
  frames: Frame[];
  order: Order;
  /** Instances without pixels: reports, presentation states, plans. */
  others: Instance[];
  frameRate: number | null;
  /** The frame to begin with, by its id, as the server sees it. */
  first: string | null;
}

export function stackOf(root: string, series: string, metadata: readonly Dataset[], versions: Readonly<Record<string, string>> = {}): Stack {
  const all = instancesOf(root, metadata);
  for (const { instance } of all) instance.version = versions[instance.uid] ?? '';
  const frames = all.flatMap((one) => one.frames);
  const first = all[0]?.instance;
  return {
    series,
    modality: first?.modality ?? '',
    ...sorted(frames),
    others: all.filter((one) => one.frames.length === 0).map((one) => one.instance),
    frameRate: frames[0]?.instance.frameRate ?? null,
    first: null,
  };
}

/** What an object without pixels is, by its SOP Class. */
export type Kind = 'report' | 'pdf' | 'presentation' | 'plan' | 'waveform' | 'segmentation' | 'video' | 'other';

export function kindOf(instance: Instance): Kind {
  const uid = instance.sopClass;
  if (uid.startsWith('1.2.840.10008.5.1.4.1.1.104.')) return uid.endsWith('.1') ? 'pdf' : 'other';
  if (uid.startsWith('1.2.840.10008.5.1.4.1.1.88.')) return 'report';
  if (uid.startsWith('1.2.840.10008.5.1.4.1.1.11.')) return 'presentation';
  if (uid.startsWith('1.2.840.10008.5.1.4.1.1.9.')) return 'waveform';
  if (uid.startsWith('1.2.840.10008.5.1.4.1.1.66.')) return 'segmentation';
  if (uid.startsWith('1.2.840.10008.5.1.4.1.1.481.')) return 'plan';
  return { SR: 'report', PR: 'presentation', ECG: 'waveform', RTSTRUCT: 'plan', RTPLAN: 'plan', DOC: 'pdf' }[instance.modality] as Kind | undefined ?? 'other';
}

/** Modalities whose objects hold no pixels: no picture needs to be asked for. As storage/model/modalities.py has them. */
export const PICTURELESS: ReadonlySet<string> = new Set(['SR', 'PR', 'KO', 'DOC', 'PLAN', 'RTSTRUCT', 'RTPLAN', 'RTRECORD', 'ANN', 'RWV', 'ECG', 'EPS', 'HD', 'REG', 'FID', 'AU']);

/** Made from other images, so never what is opened first. */
const DERIVED: ReadonlySet<string> = new Set(['SEG', 'RTDOSE']);

/** In the order of Series Number; acquired images first, then derived ones, then what has no images. */
export function ordered(series: readonly Series[]): Series[] {
  const rank = (one: Series): number => (PICTURELESS.has(one.modality) ? 2 : DERIVED.has(one.modality) ? 1 : 0);
  return [...series].sort(
    (a, b) => rank(a) - rank(b) || (a.number ?? 1e9) - (b.number ?? 1e9) || (a.uid < b.uid ? -1 : 1),
  );
}

export function titleOf(instance: Instance): string {
  return text(instance.dataset, '00420010') || text(instance.dataset, '00700080') || text(instance.dataset, '0008103E');
}

export function sliceLocation(frame: Frame): number | null {
  return number(frame.instance.dataset, '00201041');
}
