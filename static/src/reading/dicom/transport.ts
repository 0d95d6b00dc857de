/** Bytes from the DICOMweb door: at most six requests at once, what a person waits for first. */
import { firstPart, type Part } from './multipart';
import type { Dataset, Element } from './json';
import { bytesOf } from './json';

export const ROOT = '/dicom-web';
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

/** One frame, in the encoding it is stored in unless another is asked for (PS3.18 8.7.3.3: `*` is the stored one). */
export function frame(path: string, urgency: Urgency, transferSyntax = '*'): Promise<Part> {
  return queued(path, urgency, async () => {
    const response = await asked(path, `multipart/related; type="application/octet-stream"; transfer-syntax=${transferSyntax}`);
    return firstPart(new Uint8Array(await response.arrayBuffer()), response.headers.get('content-type') ?? '');
  });
}

/** A frame as the server shows it, for what this browser cannot show right. */
export function rendered(path: string, urgency: Urgency): Promise<Blob> {
  return queued(`${path}/rendered`, urgency, async () => (await asked(`${path}/rendered`, 'image/png')).blob());
}

export async function metadata(study: string, series: string): Promise<Dataset[]> {
  const response = await asked(`${ROOT}/studies/${study}/series/${series}/metadata`, 'application/dicom+json');
  return (await response.json()) as Dataset[];
}

const bulk = new Map<string, Promise<Uint8Array>>();

/** The bytes of a binary element, inline or as bulk data; tables are shared by many frames and kept. */
export function bytesOfElement(element: Element): Promise<Uint8Array> {
  if (element.InlineBinary !== undefined) return Promise.resolve(bytesOf(element.InlineBinary));
  const uri = element.BulkDataURI;
  if (!uri) return Promise.resolve(new Uint8Array());
  const path = new URL(uri, location.href);
  const key = path.pathname + path.search;
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
  return `${ROOT}/studies/${study}/series/${series}/thumbnail`;
}

async function asked(path: string, accept: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { headers: { Accept: accept }, credentials: 'same-origin' });
  } catch {
    throw new TransportError(0);
  }
  if (!response.ok) throw new TransportError(response.status);
  return response;
}
