/** Reading the DICOM JSON model (PS3.18 Annex F). */

export interface Element {
  vr: string;
  Value?: unknown[];
  BulkDataURI?: string;
  InlineBinary?: string;
}

export type Dataset = Record<string, Element | undefined>;

export function text(dataset: Dataset, tag: string, index = 0): string {
  const value = dataset[tag]?.Value?.[index];
  if (typeof value === 'string') return value.trim();
  return typeof value === 'number' ? String(value) : '';
}

export function texts(dataset: Dataset, tag: string): string[] {
  return (dataset[tag]?.Value ?? []).map((value) => (typeof value === 'string' ? value.trim() : String(value as number)));
}

/** A number, or null when there is none; some writers put numbers in strings. */
export function number(dataset: Dataset, tag: string, index = 0): number | null {
  return toNumber(dataset[tag]?.Value?.[index]);
}

export function numbers(dataset: Dataset, tag: string): number[] {
  return (dataset[tag]?.Value ?? []).map(toNumber).filter((value): value is number => value !== null);
}

export function items(dataset: Dataset, tag: string): Dataset[] {
  return (dataset[tag]?.Value ?? []).filter((item): item is Dataset => typeof item === 'object' && item !== null);
}

export function bytesOf(inline: string): Uint8Array {
  const binary = atob(inline);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function toNumber(value: unknown): number | null {
  const found = typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN;
  return Number.isFinite(found) ? found : null;
}
