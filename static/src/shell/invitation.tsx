/** The page behind the one-time link of an invitation: a name, a password, then the second factor. */
import { useEffect, useState } from 'preact/hooks';
import { Problem, request, taken, type Owed, type Session } from '../common/api';
import { explain } from '../common/explain';
import { isLanguage, language, setLanguage, type Language } from '../common/i18n';
import { Button, Field, Notice } from '../common/ui';
import { Gate } from './gate';
import { good, rules } from './password';
import { RuleList } from './password-rules';
import { go } from './route';
import { SecondStep } from './second-step';
import { shell } from './strings';

interface Invited {
  name: string;
  display_name: string;
  language: Language;
  hospital: string;
  by: string;
}

export function Invitation({ secret }: { secret: string }) {
  const [invited, setInvited] = useState<Invited | null>(null);
  const [displayName, setDisplayName] = useState('');
  const [password, setPassword] = useState('');
  const [repeated, setRepeated] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [spent, setSpent] = useState(false);
  const [owed, setOwed] = useState<Owed | null>(null);
  const refuse = (error: unknown): void => {
    if (error instanceof Problem && error.status === 410) setSpent(true);
    else if (error instanceof Problem && error.status === 400) setFailure(shell('password.easy'));
    else setFailure(explain(error));
  };
  useEffect(() => {
    request<Invited>('POST', '/api/invitation/look', { json: { secret }, anonymous: true }).then((found) => {
      setInvited(found);
      setDisplayName(found.display_name === found.name ? '' : found.display_name);
      if (isLanguage(found.language)) setLanguage(found.language);
    }, refuse);
  }, [secret]);
  const checked = rules(password, invited?.name ?? '', displayName);
  const same = password !== '' && password === repeated;
  const ready = good(checked) && same && displayName.trim() !== '';
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    setFailure(null);
    try {
      const json = { secret, display_name: displayName.trim(), language: language.value, password };
      const left = taken(await request<Session | Owed>('POST', '/api/invitation', { json, anonymous: true }));
      if (left) setOwed(left);
      else go('#/consult', true);
    } catch (error) {
      refuse(error);
    } finally {
      setBusy(false);
    }
  };
  if (owed) return <Gate><SecondStep owed={owed} onBack={() => go('#/', true)} onDone={() => go('#/consult', true)} /></Gate>;
  if (spent) {
    return (
      <Gate>
        <div class="gate-form">
          <Notice kind="warn" testid="invitation-spent">{shell('invitation.spent')}</Notice>
          <Button kind="primary" class="btn-wide btn-tall" onClick={() => go('#/', true)}>{shell('setup.toSignIn')}</Button>
        </div>
      </Gate>
    );
  }
  return (
    <Gate>
      <form class="gate-form" onSubmit={(event) => void submit(event)} noValidate aria-busy={invited === null} data-testid="invitation">
        <div>
          <h2>{shell('invitation.title')}</h2>
          {invited && <p class="muted">{shell('invitation.text', { by: invited.by, hospital: invited.hospital })}</p>}
        </div>
        {failure && <Notice kind="bad">{failure}</Notice>}
        <Field label={shell('signIn.name')}>
          {(control) => <input {...control} class="input" autocomplete="username" readOnly value={invited?.name ?? ''} />}
        </Field>
        <Field label={shell('setup.displayName')}>
          {(control) => <input {...control} class="input" autocomplete="name" maxLength={128} value={displayName} data-testid="invitation-name" onInput={(event) => setDisplayName(event.currentTarget.value)} />}
        </Field>
        <Field label={shell('signIn.password')}>
          {(control) => <input {...control} class="input" type="password" autocomplete="new-password" value={password} data-testid="invitation-password" onInput={(event) => setPassword(event.currentTarget.value)} />}
        </Field>
        <Field label={shell('setup.repeat')}>
          {(control) => <input {...control} class="input" type="password" autocomplete="new-password" value={repeated} data-testid="invitation-repeat" onInput={(event) => setRepeated(event.currentTarget.value)} />}
        </Field>
        <RuleList checked={checked} same={same} />
        <Button kind="primary" type="submit" class="btn-wide btn-tall" busy={busy} disabled={!ready} data-testid="invitation-submit">{shell('invitation.submit')}</Button>
      </form>
    </Gate>
  );
}
