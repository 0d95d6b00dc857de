/** Person names of images, written exactly as the server writes those of studies (viewer/display.py); both are
 * tested with names.json. */
import type { Dataset } from './json';

type Name = string | { Alphabetic?: string; Ideographic?: string; Phonetic?: string };

const FAMILIES = new Set(
  `nguyen tran le pham hoang huynh phan vu vo dang bui do ho ngo duong ly dao doan vuong trinh truong dinh lam phung mai to
ton ha cao luong luu chau ta thai tang kieu quach la quan nghiem thach chu kim nong giang tong mac tieu diep ninh khuc
tu ung ong bach au lo hua dam trieu vi khong than phi cu dau ba sung ma banh tat`.split(/\s/),
);
const ONLY_VIETNAMESE = /đ|[\u031b\u0309\u0323]|[\u0302\u0306][\u0300\u0301\u0303]|[eiuy]\u0303/;

/** Whose instance this is, as it says itself; "" when it does not. */
export function patientName(dataset: Dataset): string {
  const value = dataset['00100010']?.Value?.[0];
  return typeof value === 'string' || (typeof value === 'object' && value !== null) ? displayName(value) : '';
}

/** "Nguyễn Văn An", "Doe, John Q", "Yamada, Tarou (山田 太郎)". */
export function displayName(name: Name): string {
  const [first = '', second = '', third = ''] = typeof name === 'string' ? name.split('=') : [name.Alphabetic, name.Ideographic, name.Phonetic];
  const alphabetic = written(first);
  const ideographic = second.split('^').map(clean).filter(Boolean).join(' ');
  if (alphabetic && ideographic && ideographic !== alphabetic) return `${alphabetic} (${ideographic})`;
  return alphabetic || ideographic || written(third);
}

function written(group: string): string {
  const [family = '', given = '', middle = '', prefix = '', suffix = ''] = group.split('^').map(clean);
  const words = (...some: string[]): string => some.filter(Boolean).join(' ');
  if (!family || !(given || middle)) return words(prefix, family, given, middle, suffix);
  const letters = `${family} ${middle} ${given}`.toLowerCase().normalize('NFD');
  const plain = family.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().replace(/đ/g, 'd').split(/[\s,.-]/)[0] ?? '';
  if (ONLY_VIETNAMESE.test(letters) || FAMILIES.has(plain)) return words(family, middle, given, suffix);
  return `${family}, ${words(prefix, given, middle, suffix)}`;
}

/** Without control and direction characters, one space between words. */
function clean(text: string): string {
  return text.normalize('NFC').replace(/\s/g, ' ').replace(/[\p{Cc}\p{Cf}]/gu, '').replace(/ +/g, ' ').trim();
}
