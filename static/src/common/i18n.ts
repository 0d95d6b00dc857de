/** Two languages, one typed dictionary: a key that `en` lacks, or a value that a sentence needs, does not compile. */
import { signal } from '@preact/signals';

export type Language = 'vi' | 'en';

const STORED = 'hoichan.language';
const LOCALES: Record<Language, string> = { vi: 'vi-VN', en: 'en-GB' };

/** The language of the page; whatever reads it while rendering is drawn again when it changes. */
export const language = signal<Language>(remembered());

/** Changes the language at once and remembers it on this device. */
export function setLanguage(next: Language): void {
  language.value = next;
  document.documentElement.lang = next;
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // Private windows may refuse to store; the choice then holds until the page is closed.
  }
}

/** The locale that Intl uses for the current language. */
export function locale(): string {
  return LOCALES[language.value];
}

export function isLanguage(value: unknown): value is Language {
  return value === 'vi' || value === 'en';
}

/** The names of the holes of a sentence: `{name}` and `{count|one|other}`. */
type Holes<S extends string> = S extends `${string}{${infer Hole}}${infer Rest}`
  ? (Hole extends `${infer Name}|${string}` ? Name : Hole) | Holes<Rest>
  : never;

type Values<S extends string> = { [Name in Holes<S>]: string | number };

export interface Strings<V extends Record<string, string>> {
  <K extends keyof V & string>(key: K, ...values: Holes<V[K]> extends never ? [] : [Values<V[K]>]): string;
  readonly vi: V;
  readonly en: { readonly [K in keyof V]: string };
}

/** Every dictionary of the program, for the test of completeness. */
export const dictionaries: { vi: Record<string, string>; en: Record<string, string> }[] = [];

/**
 * A dictionary; Vietnamese is the source, English has exactly its keys.
 * Holes are `{name}`; `{count|study|studies}` chooses a word by the plural rule of the language.
 */
export function strings<const V extends Record<string, string>>(
  vi: V,
  en: { readonly [K in keyof NoInfer<V>]: string },
): Strings<V> {
  dictionaries.push({ vi, en });
  const say = (key: string, values?: Record<string, string | number>): string => {
    const table: Record<string, string> = language.value === 'vi' ? vi : en;
    const sentence = table[key] ?? key;
    return values === undefined ? sentence : fill(sentence, values);
  };
  return Object.assign(say as (...args: never[]) => string, { vi, en }) as unknown as Strings<V>;
}

/** The sentence with its holes filled; numbers are written as the language writes them. */
export function fill(sentence: string, values: Record<string, string | number>): string {
  return sentence.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (hole, name: string, one?: string, other?: string) => {
    const value = values[name];
    if (value === undefined) return hole;
    if (one !== undefined && other !== undefined) {
      return new Intl.PluralRules(locale()).select(Number(value)) === 'one' ? one : other;
    }
    return typeof value === 'number' ? number(value) : value;
  });
}

export function number(value: number, options?: Intl.NumberFormatOptions): string {
  return new Intl.NumberFormat(locale(), { signDisplay: 'negative', ...options }).format(value); // never -0
}

/** A size in the largest fitting unit: `1,4 GB`. */
export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(value, { maximumFractionDigits: unit === 0 || value >= 100 ? 0 : 1 })} ${units[unit] ?? ''}`;
}

/** A moment as date and time of this device. */
export function dateTime(ms: number): string {
  const day = new Intl.DateTimeFormat(locale(), { day: '2-digit', month: '2-digit', year: 'numeric' }).format(ms);
  const time = new Intl.DateTimeFormat(locale(), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms);
  return `${day} ${time}`;
}

/** The time now, as far as texts like "5 minutes ago" care; it moves on twice a minute. */
export const clock = signal(Date.now());
setInterval(() => (clock.value = Date.now()), 30_000);

const JUST_NOW: Record<Language, string> = { vi: 'vừa xong', en: 'just now' };

/** How long ago a moment was: `5 phút trước`. */
export function relative(ms: number, now: number = Math.max(clock.value, ms)): string {
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto', style: 'long' });
  const seconds = Math.round((ms - now) / 1000);
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ['second', 60], ['minute', 60], ['hour', 24], ['day', 30], ['month', 12], ['year', Infinity],
  ];
  if (Math.abs(seconds) < 60) return JUST_NOW[language.value];
  let value = seconds;
  for (const [unit, size] of steps) {
    if (Math.abs(value) < size) return format.format(value, unit);
    value = Math.trunc(value / size);
  }
  return dateTime(ms);
}

/** A list as a sentence part: `CT, MR và US`. */
export function list(items: readonly string[]): string {
  return new Intl.ListFormat(locale(), { type: 'conjunction' }).format(items);
}

function remembered(): Language {
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(STORED);
  } catch {
    // See setLanguage.
  }
  const chosen: Language = isLanguage(stored) ? stored : 'vi';
  document.documentElement.lang = chosen;
  return chosen;
}
