/** What a viewport needs to show its first image, in one answer; and previews, which say how good they are. */
import type { Dataset } from './json';
import { allParts, type WholePart } from './multipart';

/** How far a preview is from the frame, after the Modality LUT. */
export interface Quality {
  rmse: number;
  maxError: number;
  unit: string;
}

export interface Preview {
  data: Uint8Array;
  transferSyntax: string;
  offset: number;
  quality: Quality;
}

export interface Opening {
  series: string;
  metadata: Dataset[];
  /** By SOP Instance UID: what names the content in an address. */
  versions: Readonly<Record<string, string>>;
  first: { uid: string; frame: number } | null;
  preview: Preview | null;
}

interface Said {
  SeriesInstanceUID: string;
  versions: Record<string, string>;
  first: { SOPInstanceUID: string; frame: number } | null;
}

export async function openingOf(body: Uint8Array, contentType: string): Promise<Opening> {
  const [said, metadata, preview] = allParts(body, contentType);
  if (!said || !metadata) throw new Error('opening without its parts');
  const facts = await json<Said>(said);
  return {
    series: facts.SeriesInstanceUID,
    metadata: await json<Dataset[]>(metadata),
    versions: facts.versions,
    first: facts.first && { uid: facts.first.SOPInstanceUID, frame: facts.first.frame },
    preview: preview ? previewOf(preview.data, preview.headers.get('content-type') ?? null, preview.headers.get('hoichan-preview') ?? null) : null,
  };
}

/** A preview as it came, and what its header says of it; null when it says nothing. */
export function previewOf(data: Uint8Array, contentType: string | null, said: string | null): Preview | null {
  const facts = new Map([...(said ?? '').matchAll(/([a-z-]+)="?([^",]*)/g)].map(([, name = '', value = '']) => [name, value]));
  const transferSyntax = /transfer-syntax="?([0-9.]+)/i.exec(contentType ?? '')?.[1];
  const rmse = Number(facts.get('rmse'));
  const maxError = Number(facts.get('max-error'));
  if (!transferSyntax || !facts.has('rmse') || !Number.isFinite(rmse) || !Number.isFinite(maxError)) return null;
  return { data, transferSyntax, offset: Number(facts.get('offset')) || 0, quality: { rmse, maxError, unit: facts.get('unit') ?? '' } };
}

async function json<T>(part: WholePart): Promise<T> {
  const body = part.data as BlobPart;
  if (part.headers.get('content-encoding') !== 'gzip') return (await new Response(body as BodyInit).json()) as T;
  const plain = new Blob([body]).stream().pipeThrough(new DecompressionStream('gzip'));
  return (await new Response(plain).json()) as T;
}
