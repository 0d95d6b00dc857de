/** A record of the audit log as a sentence: what was done, and the facts beside it. */
import { shell } from '../strings';
import { act } from './act-strings';
import { reasonText } from './refused-why';

/** What the list of acts can be narrowed to: the beginnings of actions, with commas between. */
export const GROUPS = {
  session: 'session,account,factor.set',
  user: 'user,factor.reset,hospital,account.setup',
  study: 'study,annotation',
  refusal: 'access,association,session.fail,link.pin-fail',
  peer: 'peer,token',
  consult: 'consult,minutes,link,room,grant,statistics',
  odd: 'conflict,quarantine,instance,object',
  audit: 'audit',
} as const;

export type Group = keyof typeof GROUPS;

interface Told {
  action: string;
  detail: string;
}

export function said({ action }: Told): string {
  return word(`act.${action}`) ?? action;
}

/** The facts of a record as short phrases. */
export function facts({ detail }: Told): string[] {
  const given = parsed(detail);
  const keys = Object.keys(given).filter((name) => name.startsWith('key.'));
  const [door, to, held, status, why] = [given.door, given.to, given.roles, given.status, given.why].map(text);
  const found: (string | undefined)[] = [
    door === undefined ? undefined : (word(`door.${door}`) ?? door),
    keys.length > 0 ? act('fact.keys', { keys: keys.map((key) => word(key) ?? key.slice(4)).join(', ') }) : undefined,
    to === undefined ? undefined : act('fact.to', { name: to }),
    counted('fact.instances', given.instances),
    counted('fact.answers', given.answers),
    counted('fact.sessions', given.sessions),
    typeof given.times === 'number' && given.times > 1 ? act('fact.times', { count: given.times }) : undefined,
    counted('fact.further', given.further),
    held === undefined ? undefined : act('fact.roles', { roles: roleNames(held) || act('fact.none') }),
    status === undefined ? undefined : act('fact.status', { status }),
    why === undefined || why === 'not permitted' ? undefined : (word(`why.${why}`) ?? reasonText(why)),
  ];
  return found.filter((one): one is string => one !== undefined && one !== '');
}

function counted(key: 'fact.instances' | 'fact.answers' | 'fact.sessions' | 'fact.further', value: unknown): string | undefined {
  return typeof value === 'number' ? act(key, { count: value }) : undefined;
}

/** Roles as people call them; peers and the program itself are named here, as nobody holds those. */
export function roleNames(held: string): string {
  return held.split(',').filter(Boolean).map((role) => word(`as.${role}`) ?? (`role.${role}` in shell.vi ? shell(`role.${role}` as 'role.admin') : role)).join(', ');
}

function word(key: string): string | undefined {
  return key in act.vi ? act(key as 'any') : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function parsed(detail: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(detail);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
