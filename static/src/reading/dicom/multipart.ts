/** The first part of a multipart/related answer (PS3.18 8.6.1.2), or the body itself when it is a single part. */

export interface Part {
  data: Uint8Array;
  transferSyntax: string;
}

export function firstPart(body: Uint8Array, contentType: string): Part {
  if (!/^multipart\//i.test(contentType)) return { data: body, transferSyntax: syntaxOf(contentType) };
  const head = find(body, CRLF2, 0);
  if (head < 0) throw new Error('multipart answer without a part');
  const lines = new TextDecoder().decode(body.subarray(0, head)).split('\r\n');
  const boundary = lines.find((line) => line.startsWith('--'));
  const type = lines.find((line) => /^content-type:/i.test(line)) ?? '';
  const length = Number(/^content-length:\s*(\d+)/im.exec(lines.join('\n'))?.[1] ?? NaN);
  const start = head + CRLF2.length;
  if (Number.isFinite(length) && start + length <= body.length) {
    return { data: body.subarray(start, start + length), transferSyntax: syntaxOf(type) };
  }
  const end = findLast(body, new TextEncoder().encode(`\r\n${boundary ?? '--'}`));
  if (end < start) throw new Error('multipart answer cut short');
  return { data: body.subarray(start, end), transferSyntax: syntaxOf(type) };
}

export interface WholePart {
  headers: ReadonlyMap<string, string>;
  data: Uint8Array;
}

/** All parts of an answer whose parts give their lengths, as ours do. */
export function allParts(body: Uint8Array, contentType: string): WholePart[] {
  if (!/^multipart\//i.test(contentType)) throw new Error('not a multipart answer');
  const parts: WholePart[] = [];
  for (let at = 0; ; ) {
    const head = find(body, CRLF2, at);
    if (head < 0) return parts;
    const lines = new TextDecoder().decode(body.subarray(at, head)).split('\r\n');
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const start = head + CRLF2.length;
    const length = Number(headers.get('content-length') ?? NaN);
    if (!Number.isFinite(length) || start + length > body.length) throw new Error('multipart answer cut short');
    parts.push({ headers, data: body.subarray(start, start + length) });
    at = start + length + 2;
  }
}

const CRLF2 = new TextEncoder().encode('\r\n\r\n');

function syntaxOf(contentType: string): string {
  const given = /transfer-syntax="?([0-9.]+)/i.exec(contentType)?.[1];
  if (given) return given;
  const media = /(image\/[a-z0-9-]+|application\/octet-stream)/i.exec(contentType)?.[1]?.toLowerCase() ?? '';
  return BY_MEDIA[media] ?? '1.2.840.10008.1.2.1';
}

/** The default transfer syntax of a media type (PS3.18 table 8.7.3-2). */
const BY_MEDIA: Record<string, string> = {
  'image/jpeg': '1.2.840.10008.1.2.4.70',
  'image/dicom-rle': '1.2.840.10008.1.2.5',
  'image/jls': '1.2.840.10008.1.2.4.80',
  'image/jp2': '1.2.840.10008.1.2.4.90',
  'image/jphc': '1.2.840.10008.1.2.4.201',
  'image/jxl': '1.2.840.10008.1.2.4.110',
};

function find(body: Uint8Array, what: Uint8Array, from: number): number {
  outer: for (let i = from; i + what.length <= body.length; i++) {
    for (let j = 0; j < what.length; j++) if (body[i + j] !== what[j]) continue outer;
    return i;
  }
  return -1;
}

function findLast(body: Uint8Array, what: Uint8Array): number {
  outer: for (let i = body.length - what.length; i >= 0; i--) {
    for (let j = 0; j < what.length; j++) if (body[i + j] !== what[j]) continue outer;
    return i;
  }
  return -1;
}
