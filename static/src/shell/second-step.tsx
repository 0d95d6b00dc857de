/** The second step of signing in: a one-time password, or the first time a factor of one's own. */
import { useEffect, useState } from 'preact/hooks';
import { begin, Problem, request, type Owed, type Session } from '../common/api';
import { explain } from '../common/explain';
import { Button, CopyButton, CopyLine, Field, Notice, useAutofocus } from '../common/ui';
import { factor } from './factor-strings';
import { shell } from './strings';

interface Steps {
  owed: Owed;
  onBack: () => void;
  onDone: () => void;
}

export interface Shown {
  secret: string;
  address: string;
  picture: { size: number; path: string };
}

export function SecondStep(props: Steps) {
  return props.owed.needs === 'code' ? <AskCode {...props} /> : <Enrol {...props} />;
}

function AskCode({ owed, onBack, onDone }: Steps) {
  const { code, setCode, busy, failure, attempt } = useCode();
  const first = useAutofocus<HTMLInputElement>();
  const submit = (event: Event): void => {
    event.preventDefault();
    void attempt(async () => {
      begin(await step<Session>(owed, 'POST', 'code', { code }));
      onDone();
    });
  };
  return (
    <form class="gate-form" onSubmit={submit} noValidate data-testid="second-step">
      <h1 class="gate-title">{factor('title')}</h1>
      <p class="muted">{factor('text')}</p>
      {failure && <Notice kind="bad" testid="second-error">{failure}</Notice>}
      <Field label={factor('code')} hint={factor('recovery')}>
        {(control) => <input {...control} ref={first} class="input mono" autocomplete="one-time-code" autocapitalize="none" spellcheck={false} value={code} data-testid="second-code" onInput={(event) => setCode(event.currentTarget.value)} />}
      </Field>
      <Button kind="primary" type="submit" class="btn-wide btn-tall" busy={busy} disabled={code.trim() === ''} data-testid="second-submit">{shell('signIn.submit')}</Button>
      <Button onClick={onBack}>{factor('back')}</Button>
    </form>
  );
}

function Enrol({ owed, onBack, onDone }: Steps) {
  const { code, setCode, busy, failure, attempt } = useCode();
  const [shown, setShown] = useState<Shown | null>(null);
  const [made, setMade] = useState<{ session: Session; codes: string[] } | null>(null);
  useEffect(() => void attempt(async () => setShown(await step<Shown>(owed, 'POST', 'enrolment', {}))), []);
  if (made) return <Codes codes={made.codes} onDone={() => { begin(made.session); onDone(); }} />;
  const submit = (event: Event): void => {
    event.preventDefault();
    void attempt(async () => setMade(await step(owed, 'PUT', 'enrolment', { code })));
  };
  return (
    <form class="gate-form" onSubmit={submit} noValidate data-testid="enrol">
      <h1 class="gate-title">{factor('enrol.title')}</h1>
      <p class="muted">{factor('enrol.text')}</p>
      {failure && <Notice kind="bad" testid="second-error">{failure}</Notice>}
      <ol class="steps">
        <li>{factor('enrol.step.app')}</li>
        <li>{factor('enrol.step.scan')}{shown && <Picture shown={shown} />}</li>
        <li>{factor('enrol.step.code')}</li>
      </ol>
      <Field label={factor('code')}>
        {(control) => <input {...control} class="input mono" inputMode="numeric" autocomplete="one-time-code" value={code} data-testid="enrol-code" onInput={(event) => setCode(event.currentTarget.value)} />}
      </Field>
      <Button kind="primary" type="submit" class="btn-wide btn-tall" busy={busy} disabled={!shown || code.trim().length < 6} data-testid="enrol-submit">{factor('enrol.submit')}</Button>
      <Button onClick={onBack}>{factor('back')}</Button>
    </form>
  );
}

/** The secret as a QR code, and by hand. */
export function Picture({ shown }: { shown: Shown }) {
  const size = shown.picture.size + 8;
  return (
    <div class="qr-box">
      <svg class="qr" role="img" aria-label={factor('enrol.picture')} viewBox={`-4 -4 ${size} ${size}`} shape-rendering="crispEdges" data-testid="qr">
        <rect class="qr-back" x="-4" y="-4" width={size} height={size} />
        <path class="qr-front" d={shown.picture.path} />
      </svg>
      <a class="btn btn-plain qr-open" href={shown.address}>{factor('enrol.open')}</a>
      <p class="muted">{factor('enrol.byHand')}</p>
      <CopyLine text={shown.secret} testid="enrol-secret" />
    </div>
  );
}

export function Codes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  return (
    <div class="gate-form" data-testid="recovery">
      <h1 class="gate-title">{factor('codes.title')}</h1>
      <p class="muted">{factor('codes.text')}</p>
      <ul class="codes mono">{codes.map((one) => <li key={one}>{one}</li>)}</ul>
      <CopyButton text={codes.join('\n')} />
      <Button kind="primary" class="btn-wide btn-tall" onClick={onDone} data-testid="recovery-kept">{factor('codes.kept')}</Button>
    </div>
  );
}

function useCode() {
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const attempt = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      await what();
    } catch (error) {
      setCode('');
      setFailure(refusal(error));
    } finally {
      setBusy(false);
    }
  };
  return { code, setCode, busy, failure, attempt };
}

function step<T>(owed: Owed, method: string, path: string, json: object): Promise<T> {
  return request<T>(method, `/api/session/${path}`, { json, anonymous: true, headers: { 'X-CSRF-Token': owed.csrf } });
}

function refusal(error: unknown): string {
  if (!(error instanceof Problem)) return explain(error);
  if (error.status === 429) return shell('signIn.throttled', { seconds: error.retryAfter ?? 30 });
  if (error.status === 401) return factor('over');
  return error.status === 403 || error.status === 400 ? factor('wrong') : explain(error);
}
