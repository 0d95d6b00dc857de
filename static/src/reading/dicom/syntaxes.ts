/** Transfer syntaxes as the reading room needs to know them. */

const IMPLICIT = '1.2.840.10008.1.2';
export const EXPLICIT = '1.2.840.10008.1.2.1';
const DEFLATED = '1.2.840.10008.1.2.1.99';
export const BIG_ENDIAN = '1.2.840.10008.1.2.2';
/** HTJ2K, reversible or not: what previews of grey images are. */
export const HTJ2K = '1.2.840.10008.1.2.4.203';

export const NATIVE: ReadonlySet<string> = new Set([IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, '1.2.840.10008.1.2.1.98']);

/** Always lossy, whatever the header says. `.91`, `.81`, `.203` and `.112` may be either: there the header decides. */
export const LOSSY: ReadonlySet<string> = new Set([
  '1.2.840.10008.1.2.4.50', '1.2.840.10008.1.2.4.51', '1.2.840.10008.1.2.4.53', '1.2.840.10008.1.2.4.55',
  '1.2.840.10008.1.2.4.81', '1.2.840.10008.1.2.4.111',
]);

const MAYBE_LOSSY: ReadonlySet<string> = new Set([
  '1.2.840.10008.1.2.4.91', '1.2.840.10008.1.2.4.203', '1.2.840.10008.1.2.4.112', '1.2.840.10008.1.2.4.93',
]);

/** Codecs this browser part does not have or that differ from the reference: the server renders these frames. */
export const SERVER_ONLY: ReadonlySet<string> = new Set([
  '1.2.840.10008.1.2.4.53', '1.2.840.10008.1.2.4.55',
]);

/** Whether the pixels went through a lossy step, as far as can be known. */
export function isLossy(transferSyntax: string, lossyImageCompression: string): boolean {
  return lossyImageCompression === '01' || LOSSY.has(transferSyntax) || (MAYBE_LOSSY.has(transferSyntax) && lossyImageCompression !== '00');
}

const NAMES: Record<string, string> = {
  [IMPLICIT]: 'Implicit LE', [EXPLICIT]: 'Explicit LE', [DEFLATED]: 'Deflated', [BIG_ENDIAN]: 'Explicit BE',
  '1.2.840.10008.1.2.1.98': 'Encapsulated', '1.2.840.10008.1.2.8.1': 'Deflated frame', '1.2.840.10008.1.2.5': 'RLE',
  '1.2.840.10008.1.2.4.50': 'JPEG', '1.2.840.10008.1.2.4.51': 'JPEG 12', '1.2.840.10008.1.2.4.57': 'JPEG LL',
  '1.2.840.10008.1.2.4.70': 'JPEG LL', '1.2.840.10008.1.2.4.80': 'JPEG-LS', '1.2.840.10008.1.2.4.81': 'JPEG-LS',
  '1.2.840.10008.1.2.4.90': 'JPEG 2000', '1.2.840.10008.1.2.4.91': 'JPEG 2000', '1.2.840.10008.1.2.4.201': 'HTJ2K',
  '1.2.840.10008.1.2.4.202': 'HTJ2K', '1.2.840.10008.1.2.4.203': 'HTJ2K', '1.2.840.10008.1.2.4.110': 'JPEG XL',
  '1.2.840.10008.1.2.4.111': 'JPEG XL', '1.2.840.10008.1.2.4.112': 'JPEG XL',
};

export function syntaxName(transferSyntax: string): string {
  return NAMES[transferSyntax] ?? transferSyntax;
}
