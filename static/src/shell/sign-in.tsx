import { useEffect, useRef, useState } from 'preact/hooks';
import { get, Problem, safeNext, signIn, type Owed } from '../common/api';
import { explain } from '../common/explain';
import { Button, Field, IconButton, Notice, useAutofocus } from '../common/ui';
import { carryLanguage, Gate } from './gate';
import { SecondStep } from './second-step';
import { go, route } from './route';
import { shell } from './strings';

/** Signing in, in place of the page that was asked for. */
export function SignIn({ why }: { why: 'expired' | 'next' | null }) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [wait, setWait] = useState(0);
  const [owed, setOwed] = useState<Owed | null>(null);
  const [setupNeeded, setSetupNeeded] = useState(false);
  const first = useAutofocus<HTMLInputElement>();
  const second = useRef<HTMLInputElement>(null);

  useEffect(() => {
    get<{ needed: boolean }>('/api/setup').then(
      (answer) => setSetupNeeded(answer.needed),
      () => undefined, // Only a hint; signing in says what is wrong.
    );
  }, []);
  useEffect(() => {
    if (wait <= 0) return;
    const timer = setTimeout(() => setWait(wait - 1), 1000);
    return () => clearTimeout(timer);
  }, [wait]);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!name.trim() || !password) {
      setFailure(shell('signIn.missing'));
      return;
    }
    setBusy(true);
    setFailure(null);
    try {
      const left = await signIn(name.trim(), password);
      if (left) setOwed(left);
      else {
        carryLanguage();
        if (route.value.parts[0] === 'sign-in') leave();
      }
    } catch (error) {
      setPassword('');
      second.current?.focus(); // To try again without reaching for the mouse.
      if (error instanceof Problem && error.status === 429) setWait(error.retryAfter ?? 30);
      else setFailure(error instanceof Problem && error.status === 401 ? shell('signIn.wrong') : explain(error));
    } finally {
      setBusy(false);
    }
  };

  if (owed) return <Gate><SecondStep owed={owed} onBack={() => { setOwed(null); setPassword(''); }} onDone={() => { carryLanguage(); if (route.value.parts[0] === 'sign-in') leave(); }} /></Gate>;
  const message = wait > 0 ? shell('signIn.throttled', { seconds: wait }) : failure;
  return (
    <Gate>
      <form class="gate-form" onSubmit={(event) => void submit(event)} noValidate data-testid="sign-in">
        {setupNeeded && <Notice kind="info" testid="setup-needed">{shell('signIn.setupNeeded')}</Notice>}
        {why && !message && <Notice kind="info">{shell(`signIn.${why}`)}</Notice>}
        {message && <Notice kind="bad" testid="sign-in-error">{message}</Notice>}
        <Field label={shell('signIn.name')}>
          {(control) => (
            <input {...control} ref={first} class="input" name="username" autocomplete="username" autocapitalize="none"
              spellcheck={false} value={name} data-testid="sign-in-name" onInput={(event) => setName(event.currentTarget.value)} />
          )}
        </Field>
        <Field label={shell('signIn.password')}>
          {(control) => (
            <div class="with-button">
              <input {...control} ref={second} readOnly={busy} {...(shown ? { type: 'text' } : { type: 'password' })} class="input" name="password"
                autocomplete="current-password" value={password} data-testid="sign-in-password"
                onInput={(event) => setPassword(event.currentTarget.value)} />
              <IconButton icon={shown ? 'eyeOff' : 'eye'} label={shell(shown ? 'signIn.hide' : 'signIn.show')} onClick={() => setShown(!shown)} />
            </div>
          )}
        </Field>
        <Button kind="primary" type="submit" class="btn-wide btn-tall" busy={busy} disabled={wait > 0} data-testid="sign-in-submit">
          {shell('signIn.submit')}
        </Button>
      </form>
    </Gate>
  );
}

/** Goes where the reader wanted to be before signing in. */
function leave(): void {
  const next = safeNext(route.value.query.get('next'));
  if (next && !next.startsWith('/#')) location.assign(next);
  else go(next ? next.slice(1) : '#/', true);
}
