/** Bytes from the DICOMweb door: at most six requests at once, what a person waits for first. */
import { firstPart, type Part } from './multipart';
import type { Element } from './json';
import { noteNow } from './link';
import { openingOf, previewOf, type Opening, type Preview } from './opening';
import { bytesOf } from './json';
import { elsewhere, root, studyAt } from './place';

const MOST = 6;
/** Prefetch leaves one connection of the browser's six for what is asked next. */
const MOST_PREFETCH = 5;

export type Urgency = 'now' | 'soon';

/** The server refused or could not be reached. */
export class TransportError extends Error {
  constructor(readonly status: number) {
    super(`HTTP ${status}`);
    this.name = 'TransportError';
  }
}

interface Job {
  key: string;
  urgency: Urgency;
  run: () => Promise<void>;
}

const waiting: Job[] = [];
let running = 0;

/** Queues work that holds a connection. */
function queued<T>(key: string, urgency: Urgency, work: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    waiting.push({ key, urgency, run: () => work().then(resolve, reject) });
    pump();
  });
}

function pump(): void {
  while (running < MOST) {
    const urgent = waiting.findIndex((job) => job.urgency === 'now');
    const next = urgent >= 0 ? urgent : running < MOST_PREFETCH ? 0 : -1;
    const job = next >= 0 ? waiting.splice(next, 1)[0] : undefined;
    if (!job) return;
    running++;
    void job.run().finally(() => {
      running--;
      pump();
    });
  }
}

/** Somebody now looks at what was only to be fetched ahead. */
export function hurry(key: string): void {
  const job = waiting.find((one) => one.key === key);
  if (job) job.urgency = 'now';
}

/** As it is stored (PS3.18 8.7.3.3: `*`). */
const AS_STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*';
/** Losslessly packed, for links where that is sooner here than what is stored; else as stored. */
export const PACKED = `multipart/related; type="image/jphc"; transfer-syntax=1.2.840.10008.1.2.4.201, ${AS_STORED}; q=0.5`;

/** The address of a frame's resource, naming its content where that is known: the browser then never asks again. */
export function addressed(path: string, version: string): string {
  return version ? `${path}?v=${version}` : path;
}

/** One frame, in the encoding it is stored in unless another is asked for. */
export function frame(path: string, version: string, urgency: Urgency, accept = AS_STORED): Promise<Part> {
  return queued(path, urgency, async () => {
    const response = await asked(addressed(path, version), accept);
    return firstPart(new Uint8Array(await response.arrayBuffer()), response.headers.get('content-type') ?? '');
  });
}

/** The preview of a frame; null when there is none, or when the answer does not say how good it is. */
export function preview(path: string, version: string, urgency: Urgency): Promise<Preview | null> {
  return queued(path, urgency, async () => {
    try {
      const response = await asked(addressed(`${path}/preview`, version), 'image/jphc, image/jpeg');
      const data = new Uint8Array(await response.arrayBuffer());
      return previewOf(data, response.headers.get('content-type'), response.headers.get('hoichan-preview'));
    } catch (error) {
      if (error instanceof TransportError && error.status === 404) return null;
      throw error;
    }
  });
}

/** A frame as the server shows it, for what this browser cannot show right. */
export function rendered(path: string, urgency: Urgency): Promise<Blob> {
  return queued(`${path}/rendered`, urgency, async () => (await asked(`${path}/rendered`, 'image/png')).blob());
}

/** What the first viewport needs of a series, or of a study; `withPreview` when the link may be slow. */
export async function opening(study: string, series: string | null, withPreview: boolean, door = root()): Promise<Opening> {
  const path = `${door}/studies/${study}${series ? `/series/${series}` : ''}/opening${withPreview ? '' : '?preview=no'}`;
  const response = await asked(path);
  const body = new Uint8Array(await response.arrayBuffer());
  noteNow(path);
  return openingOf(body, response.headers.get('content-type') ?? '');
}

const bulk = new Map<string, Promise<Uint8Array>>();

/** The bytes of a binary element, inline or as bulk data; tables are shared by many frames and kept. */
export function bytesOfElement(element: Element): Promise<Uint8Array> {
  if (element.InlineBinary !== undefined) return Promise.resolve(bytesOf(element.InlineBinary));
  const uri = element.BulkDataURI;
  if (!uri) return Promise.resolve(new Uint8Array());
  const path = new URL(uri, location.href);
  const key = (elsewhere.get(/studies\/([0-9.]+)/.exec(path.pathname)?.[1] ?? '') ?? studyAt.peek()) + path.pathname + path.search;
  const known = bulk.get(key);
  if (known) return known;
  const fetched = queued(key, 'now', async () => {
    const response = await asked(key, 'multipart/related; type="application/octet-stream", application/octet-stream;q=0.9');
    return firstPart(new Uint8Array(await response.arrayBuffer()), response.headers.get('content-type') ?? '').data;
  });
  bulk.set(key, fetched);
  fetched.catch(() => bulk.delete(key));
  return fetched;
}

export function thumbnailPath(study: string, series: string): string {
  return `${root()}/studies/${study}/series/${series}/thumbnail`;
}

async function asked(path: string, accept?: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { headers: accept ? { Accept: accept } : {}, credentials: 'same-origin' });
  } catch {
    throw new TransportError(0);
  }
  if (!response.ok) throw new TransportError(response.status);
  return response;
}
