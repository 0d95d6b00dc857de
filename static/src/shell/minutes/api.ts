/** The minutes as the server tells them. */
export const SECTIONS = ['history', 'question', 'findings', 'conclusion', 'recommendation'] as const;
export type SectionName = (typeof SECTIONS)[number];
export type Side = 'from' | 'to';

export interface Person {
  name: string;
  title: string;
  hospital: string;
}

export type Body = Record<SectionName | 'place' | 'chair' | 'secretary' | 'patient_name' | 'patient_sex' | 'patient_age' | 'patient_id' | 'study', string> & {
  held_from: number | null;
  held_to: number | null;
  participants: Person[];
  bilingual: boolean;
  english: Partial<Record<SectionName, string>>;
};

export interface Signature {
  part: number;
  side: Side;
  name: string;
  title: string;
  hospital: string;
  at: number;
}

export interface Minutes {
  code: string;
  version: number;
  body: Body;
  frozen: boolean;
  number: string;
  sha256: string;
  hospital: string;
  other: string;
  anonymise: boolean;
  signatures: Signature[];
  addenda: { number: number; text: string; language: string; at: number; sha256: string }[];
  may: { sign: boolean; sides: Side[]; signed: number[]; second_factor: boolean };
}

/** Whether this account can put its signature under a part: its side has not, and it has not for the other. */
export function signable(minutes: Minutes, part: number): boolean {
  if (!minutes.may.sign || minutes.may.signed.includes(part)) return false;
  const done = minutes.signatures.filter((one) => one.part === part).map(({ side }) => side);
  return minutes.may.sides.some((side) => !done.includes(side));
}
