import { describe, expect, it } from 'vitest';
import { Prefetch } from '../control/prefetch';
import type { Frame } from '../dicom/instance';
import { Link } from '../dicom/link';
import { openingOf, previewOf } from '../dicom/opening';
import { shifted } from '../pixels/picture';
import { framesOf, slice } from './frames';

describe('the link', () => {
  it('is as fast as what arrived while something was arriving', () => {
    const link = new Link();
    expect(link.slow).toBeNull();
    link.note(0, 100, 25_000);
    link.note(0, 100, 25_000);
    link.note(500, 600, 50_000);
    expect(link.rate).toBeCloseTo(4e6);
    expect(link.slow).toBe(true);
  });

  it('does not flutter, and short answers say nothing', () => {
    const link = new Link();
    link.note(0, 5, 100_000);
    expect(link.slow).toBe(false);
    link.note(10, 1000, 300);
    expect(link.slow).toBe(false);
    expect(new Link(1e6).slow).toBe(true);
  });
});

describe('a preview', () => {
  it('says how good it is, or is none', () => {
    const said = 'rmse=8.1, max-error=58, unit="HU", offset=32768, original-bytes=182216';
    expect(previewOf(new Uint8Array(3), 'image/jphc; transfer-syntax=1.2.840.10008.1.2.4.203', said)).toMatchObject({
      transferSyntax: '1.2.840.10008.1.2.4.203', offset: 32768, quality: { rmse: 8.1, maxError: 58, unit: 'HU' },
    });
    expect(previewOf(new Uint8Array(3), 'image/jphc; transfer-syntax=1.2.840.10008.1.2.4.203', null)).toBeNull();
  });

  it('is moved back into what the frame can hold', () => {
    const shape = { rows: 1, columns: 3, samples: 1, bitsAllocated: 16, bitsStored: 12, highBit: 11, signed: false, kind: 'integer' } as const;
    expect([...shifted(Int16Array.of(-5, 7, 5000), 0, shape)]).toEqual([0, 7, 4095]);
    expect([...shifted(Int16Array.of(-32768, 0, 32767), 32768, { ...shape, bitsStored: 16 })]).toEqual([0, 32768, 65535]);
  });
});

describe('an opening', () => {
  it('has its parts, packed or not', async () => {
    const gzip = async (text: string): Promise<Uint8Array> =>
      new Uint8Array(await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer());
    const said = await gzip(JSON.stringify({ SeriesInstanceUID: '1.2', versions: { '1.2.3': 'ab' }, first: { SOPInstanceUID: '1.2.3', frame: 1 } }));
    const metadata = new TextEncoder().encode('[]');
    const pieces: (string | Uint8Array)[] = [
      `--b\r\nContent-Type: application/json\r\nContent-Length: ${said.length}\r\nContent-Encoding: gzip\r\n\r\n`, said,
      `\r\n--b\r\nContent-Type: application/dicom+json\r\nContent-Length: ${metadata.length}\r\n\r\n`, metadata, '\r\n--b--\r\n',
    ];
    const body = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
    expect(await openingOf(body, 'multipart/related; boundary=b')).toEqual({
      series: '1.2', metadata: [], versions: { '1.2.3': 'ab' }, first: { uid: '1.2.3', frame: 1 }, preview: null,
    });
    await expect(openingOf(body.subarray(0, body.length - 20), 'multipart/related; boundary=b')).rejects.toThrow();
  });
});

describe('prefetch on a slow link', () => {
  it('brings previews of all first, then the frames, nearest first', async () => {
    const frames = framesOf(...Array.from({ length: 4 }, (_, i) => slice(i, i)));
    const here = new Map<string, 'preview' | 'whole'>();
    const asked: string[] = [];
    const viewer = {
      full: false,
      has: (frame: Frame) => here.has(frame.id),
      isPreview: (frame: Frame) => here.get(frame.id) === 'preview',
      ahead: (frame: Frame) => Promise.resolve(here.set(frame.id, 'preview')).then(() => asked.push(`p${frame.instance.number ?? ''}`)),
      finish: (frame: Frame) => Promise.resolve(here.set(frame.id, 'whole')).then(() => asked.push(`f${frame.instance.number ?? ''}`)),
    };
    const prefetch = new Prefetch(viewer, () => [{ frames, from: 1 }], (frame) => here.get(frame.id) === 'whole', () => true);
    prefetch.pump();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toEqual(['p1', 'p2', 'p0', 'p3', 'f1', 'f2', 'f0', 'f3']);
  });
});
