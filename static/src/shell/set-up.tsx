import { useEffect, useRef, useState } from 'preact/hooks';
import { get, Problem, request, taken, type Owed, type Session } from '../common/api';
import { explain } from '../common/explain';
import { Button, Field, Notice, useAutofocus } from '../common/ui';
import { language, type Language } from '../common/i18n';
import { carryLanguage, Gate } from './gate';
import { good, rules } from './password';
import { RuleList } from './password-rules';
import { go } from './route';
import { SecondStep } from './second-step';
import { shell } from './strings';

/** The page behind the one-time link that the program prints: makes the first administrator. */
export function SetUp({ secret }: { secret: string }) {
  const [name, setName] = useState('admin');
  const [displayName, setDisplayName] = useState('');
  const [password, setPassword] = useState('');
  const [repeated, setRepeated] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [owed, setOwed] = useState<Owed | null>(null);
  const [spent, setSpent] = useState(false);
  const first = useAutofocus<HTMLInputElement>();
  const spoke = useRef<Language | null>(null);
  useEffect(() => {
    get<{ needed: boolean }>('/api/setup').then(
      (answer) => setSpent(!answer.needed),
      () => undefined, // Then sending it says so.
    );
  }, []);
  const checked = rules(password, name, displayName);
  const same = password !== '' && password === repeated;
  const ready = good(checked) && same && name.trim() !== '' && displayName.trim() !== '';

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setFailure(null);
    const spoken = language.value; // the account has a language of its own as soon as it is there
    spoke.current = spoken;
    try {
      const json = { secret, name: name.trim(), display_name: displayName.trim(), password };
      const left = taken(await request<Session | Owed>('POST', '/api/setup', { json, anonymous: true }));
      if (left) {
        setOwed(left);
        return;
      }
      carryLanguage(spoken);
      go('#/', true);
    } catch (error) {
      if (error instanceof Problem && [403, 404, 409, 410].includes(error.status)) setSpent(true);
      else if (error instanceof Problem && error.status === 400) setFailure(refusal(error));
      else setFailure(explain(error));
    } finally {
      setBusy(false);
    }
  };

  if (owed) return <Gate><SecondStep owed={owed} onBack={() => go('#/', true)} onDone={() => { carryLanguage(spoke.current); go('#/', true); }} /></Gate>;
  if (spent) {
    return (
      <Gate>
        <div class="gate-form">
          <Notice kind="warn" testid="setup-used">{shell('setup.used')}</Notice>
          <Button kind="primary" class="btn-wide btn-tall" onClick={() => go('#/', true)}>{shell('setup.toSignIn')}</Button>
        </div>
      </Gate>
    );
  }
  return (
    <Gate>
      <form class="gate-form" onSubmit={(event) => void submit(event)} noValidate data-testid="setup">
        <div>
          <h2>{shell('setup.title')}</h2>
          <p class="muted">{shell('setup.once')}</p>
        </div>
        {failure && <Notice kind="bad" testid="setup-error">{failure}</Notice>}
        <Field label={shell('setup.displayName')} hint={shell('setup.displayNameHint')}>
          {(control) => (
            <input {...control} ref={first} class="input" autocomplete="name" value={displayName} data-testid="setup-display-name"
              onInput={(event) => setDisplayName(event.currentTarget.value)} />
          )}
        </Field>
        <Field label={shell('signIn.name')} hint={shell('setup.nameHint')}>
          {(control) => (
            <input {...control} class="input" autocomplete="username" autocapitalize="none" spellcheck={false} value={name}
              data-testid="setup-name" onInput={(event) => setName(event.currentTarget.value)} />
          )}
        </Field>
        <Field label={shell('signIn.password')}>
          {(control) => (
            <input {...control} class="input" type="password" autocomplete="new-password" value={password} data-testid="setup-password"
              onInput={(event) => setPassword(event.currentTarget.value)} />
          )}
        </Field>
        <Field label={shell('setup.repeat')}>
          {(control) => (
            <input {...control} class="input" type="password" autocomplete="new-password" value={repeated} data-testid="setup-repeat"
              onInput={(event) => setRepeated(event.currentTarget.value)} />
          )}
        </Field>
        <RuleList checked={checked} same={same} />
        <Button kind="primary" type="submit" class="btn-wide btn-tall" busy={busy} disabled={!ready} data-testid="setup-submit">
          {shell('setup.submit')}
        </Button>
      </form>
    </Gate>
  );
}

/** What a 400 means here, in the language of the page. */
function refusal(error: Problem): string {
  return /password/i.test(error.message) ? shell('password.easy') : shell('name.invalid');
}
