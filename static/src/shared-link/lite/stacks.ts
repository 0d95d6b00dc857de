/** The series of a study, and the frames of the one that is open, in the order of the reading room. */
import { signal } from '@preact/signals';
import { ordered, PICTURELESS, stackOf, type Series } from '../../reading/dicom/series';
import type { Frame } from '../../reading/dicom/instance';
import type { Dataset } from '../../reading/dicom/json';
import { ask, over } from '../guest';

interface Detail {
  series: { SeriesInstanceUID: string; Modality: string; SeriesNumber: number | null; SeriesDescription: string; BodyPartExamined: string; instances: number }[];
}

export const series = signal<Series[]>([]);
export const chosen = signal<string | null>(null);
export const frames = signal<Frame[]>([]);
export const failed = signal(false);
/** Whether it is known which series there are; until then nothing is said to be missing. */
export const listed = signal(false);

/** Reads which series there are; the one that is open stays open. */
export async function list(study: string): Promise<void> {
  const answer = await ask(`/api/studies/${study}`);
  if (answer.status === 401) return over();
  if (!answer.ok) return;
  const detail = (await answer.json()) as Detail;
  const found = detail.series
    .filter((one) => !PICTURELESS.has(one.Modality))
    .map((one): Series => ({ uid: one.SeriesInstanceUID, modality: one.Modality, number: one.SeriesNumber, description: one.SeriesDescription, bodyPart: one.BodyPartExamined, instances: one.instances }));
  series.value = ordered(found);
  listed.value = true;
}

let wanted = 0;

/** Reads the frames of a series; what is answered too late is forgotten. */
export async function choose(study: string, uid: string): Promise<void> {
  const turn = ++wanted;
  if (chosen.value !== uid) frames.value = [];
  chosen.value = uid;
  failed.value = false;
  try {
    const answer = await ask(`/dicom-web/studies/${study}/series/${uid}/metadata`, { headers: { Accept: 'application/dicom+json' } });
    if (turn !== wanted) return;
    if (answer.status === 401) return over();
    if (!answer.ok) throw new Error(String(answer.status));
    const metadata = (await answer.json()) as Dataset[];
    if (turn === wanted) frames.value = stackOf('/dicom-web', uid, metadata).frames;
  } catch {
    if (turn === wanted) failed.value = true;
  }
}

export function forget(): void {
  wanted += 1;
  series.value = [];
  frames.value = [];
  chosen.value = null;
  failed.value = false;
  listed.value = false;
}
