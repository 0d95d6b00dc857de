/** The one way to the server: session cookie, CSRF header, problem+json, and what happens when the session ends. */
import { signal } from '@preact/signals';
import { isLanguage, setLanguage, type Language } from './i18n';

export type Role = 'platform' | 'admin' | 'radiologist' | 'technologist' | 'clinician' | 'expert';
export type Right =
  | 'study.read' | 'study.store' | 'study.status' | 'dicomweb'
  | 'admin.peers' | 'admin.users' | 'admin.health' | 'admin.conflicts' | 'admin.delete' | 'admin.audit'
  | 'admin.tokens' | 'admin.hospitals' | 'admin.links' | 'study.reject'
  | 'consult.ask' | 'consult.answer' | 'consult.statistics' | 'link.make';

export interface Session {
  user: { id: number | string; name: string; display_name: string; language: Language; second_factor: boolean; email: string; mail: boolean; specialties: string[]; invited: boolean; roles: { hospital: string | null; role: Role }[] };
  /** Who came by a share link has no account, and goes back to the page of the link. */
  guest?: { name: string; institution: string; link: string };
  rights: Right[];
  csrf: string;
  hospitals: { code: string; name: string }[];
  /** Where one may give roles, and which. */
  administers: { code: string; name: string; gives: Role[] }[];
  version: string;
  dicom: { ae_title: string; host: string; port: number };
}

/** Who is signed in: null = nobody, undefined = not asked yet. */
export const session = signal<Session | null | undefined>(undefined);

export function may(right: Right): boolean {
  return session.value?.rights.includes(right) ?? false;
}

/** Whether there is a page of administration for whoever is signed in. */
export function mayAdminister(): boolean {
  return session.value?.rights.some((right) => right.startsWith('admin.')) ?? false;
}

/** What the server said went wrong (RFC 9457), or status 0 when it could not be reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    readonly title: string,
    readonly detail: string,
    readonly retryAfter: number | null = null,
  ) {
    super(detail || title);
    this.name = 'Problem';
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;

export interface RequestOptions {
  query?: Query;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: BodyInit;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** A 401 is an answer (sign-in), not the end of the session. */
  anonymous?: boolean;
}

/** Asks the server and gives its JSON answer; raises Problem. */
export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  let body = options.body;
  if (options.json !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(options.json);
  }
  if (method !== 'GET' && method !== 'HEAD' && session.value) headers['X-CSRF-Token'] = session.value.csrf;
  let response: Response;
  try {
    response = await fetch(path + queryString(options.query), {
      method, headers, body, signal: options.signal, credentials: 'same-origin', cache: 'no-store',
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(0, 'unreachable', '', '');
  }
  if (response.status === 401 && !options.anonymous) signedOut();
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204 || response.headers.get('content-length') === '0') return undefined as T;
  return (await response.json()) as T;
}

export const get = <T>(path: string, query?: Query, options?: RequestOptions): Promise<T> =>
  request<T>('GET', path, { ...options, query });
export const post = <T>(path: string, json?: unknown, options?: RequestOptions): Promise<T> =>
  request<T>('POST', path, { ...options, json });
export const patch = <T>(path: string, json?: unknown, options?: RequestOptions): Promise<T> =>
  request<T>('PATCH', path, { ...options, json });
export const del = <T>(path: string, query?: Query, options?: RequestOptions): Promise<T> =>
  request<T>('DELETE', path, { ...options, query });

/** Finds out who is signed in; afterwards `session` is a session or null. */
export async function loadSession(): Promise<Session | null> {
  try {
    begin(await request<Session>('GET', '/api/session', { anonymous: true }));
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    session.value = null;
  }
  return session.value ?? null;
}

/** Takes the session that signing in or setting up answered. */
export function begin(next: Session): void {
  session.value = next;
  if (isLanguage(next.user.language)) setLanguage(next.user.language);
}

/** A password was right and the second factor is owed: a code, or making one first. */
export interface Owed {
  needs: 'code' | 'enrol';
  csrf: string;
}

/** Takes a session, or gives back what is still owed before there is one. */
export function taken(answer: Session | Owed): Owed | null {
  if ('needs' in answer) return answer;
  begin(answer);
  return null;
}

export async function signIn(name: string, password: string): Promise<Owed | null> {
  return taken(await request<Session | Owed>('POST', '/api/session', { json: { name, password }, anonymous: true }));
}

export async function signOut(): Promise<void> {
  try {
    await request('DELETE', '/api/session', { anonymous: true });
  } catch (error) {
    // The session may have ended already; what must not happen is to stay here when the server still knows us.
    if (!(error instanceof Problem) || error.status !== 401) throw error;
  }
  signedOut();
}

/** Changes the language now, here and for the next sign-in of this user. */
export async function chooseLanguage(next: Language): Promise<void> {
  setLanguage(next);
  const current = session.value;
  if (!current || current.guest) return;
  session.value = { ...current, user: { ...current.user, language: next } };
  await patch('/api/session', { language: next });
}

/** The page to return to after signing in; only paths of this server. */
export function safeNext(value: string | null | undefined): string | null {
  return value && /^\/((?:at\/[a-z0-9-]{1,32}\/)?read\/(?:-|[0-9.]+)(?:\?consult=[\w-]+)?(?:#room=[\w-]+)?|#\/[\w/.?=&%-]*|)$/.test(value) ? value : null;
}

/** Called when the server says that nobody is signed in. The shell shows sign-in in place; other pages go there. */
function signedOut(): void {
  const home = guestHome();
  session.value = null;
  if (home) location.replace(home);
  else if (!document.documentElement.hasAttribute('data-shell')) {
    location.assign(`/#/sign-in?next=${encodeURIComponent(here())}`);
  }
}

/** The page of the link by which a guest came; null for people with an account. */
export function guestHome(): string | null {
  const guest = session.value?.guest;
  return guest ? `/s/${guest.link}` : null;
}

/** Where this page is, with the live room its address names: the place to return to after signing in. */
export function here(): string {
  return location.pathname + (/^\?consult=[\w-]+$/.test(location.search) ? location.search : '') + (/^#room=[\w-]+$/.test(location.hash) ? location.hash : '');
}

function queryString(query: Query | undefined): string {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') given.set(key, String(value));
  }
  const text = given.toString();
  return text ? `?${text}` : '';
}

async function problemOf(response: Response): Promise<Problem> {
  const retry = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  const after = Number.isFinite(retry) ? retry : null;
  try {
    const said = (await response.json()) as { type?: string; title?: string; detail?: string };
    return new Problem(response.status, said.type ?? 'about:blank', said.title ?? '', said.detail ?? '', after);
  } catch {
    return new Problem(response.status, 'about:blank', response.statusText, '', after);
  }
}
