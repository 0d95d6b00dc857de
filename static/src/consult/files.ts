/** Photos and PDFs on their way: photos are made small enough for a thin link, and lose what the camera wrote into them. */
import { Problem } from '../common/api';
import { explain } from '../common/explain';
import { say } from './strings';

export interface Chosen {
  id: string;
  name: string;
  body: Blob;
}

export const MOST_BYTES = 20 * 1024 * 1024;
const LONGEST = 2200; // pixels: an ECG on paper can still be read
const QUALITY = 0.86;
export const ACCEPT = 'image/jpeg,image/png,image/webp,application/pdf';

/** The file as it is sent, or null when it cannot be. Drawing a photo anew drops its place and device, and turns it upright. */
export async function prepared(file: File): Promise<Blob | null> {
  if (file.type === 'application/pdf') return file.size <= MOST_BYTES ? file : null;
  if (!ACCEPT.includes(file.type) || file.type === '') return null;
  try {
    const picture = await createImageBitmap(file, { imageOrientation: 'from-image' });
    const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    const made = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', QUALITY));
    return made !== null && made.size <= MOST_BYTES ? made : null;
  } catch {
    return null;
  }
}

/** Why a file was not taken, in the reader's language. */
export function refused(error: unknown, name: string): string {
  const active = error instanceof Problem && error.type.endsWith('/ActiveDocument');
  return active ? say('ask.files.active', { name }) : explain(error);
}
