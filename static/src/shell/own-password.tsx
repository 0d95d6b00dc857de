/** Changing one's own password, from the account menu. */
import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { begin, Problem, request, session, type Session } from '../common/api';
import { explain } from '../common/explain';
import { common } from '../common/strings';
import { Button, Dialog, Field, Notice, toast } from '../common/ui';
import { good, rules } from './password';
import { RuleList } from './password-rules';
import { shell } from './strings';

const shown = signal(false);

export function openOwnPassword(): void {
  shown.value = true;
}

export function OwnPassword() {
  const user = session.value?.user;
  if (!shown.value || !user) return null;
  return <PasswordDialog user={user} onClose={() => (shown.value = false)} />;
}

function PasswordDialog({ user, onClose }: { user: Session['user']; onClose: () => void }) {
  const [current, setCurrent] = useState('');
  const [password, setPassword] = useState('');
  const [repeated, setRepeated] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const checked = rules(password, user.name, user.display_name);
  const same = password !== '' && password === repeated;
  const ready = good(checked) && same && current !== '';
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setFailure(null);
    try {
      // Every other session ends; this one goes on under the new key that the answer brings.
      begin(await request<Session>('PATCH', '/api/session', { json: { current_password: current, password } }));
      toast(shell('own.saved'));
      onClose();
    } catch (error) {
      setFailure(refusal(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={shell('own.title')} onClose={onClose} testid="own-password"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" type="submit" form="own-password-form" busy={busy} disabled={!ready} data-testid="own-save">{common('save')}</Button></>}>
      <form id="own-password-form" class="form" noValidate onSubmit={(event) => void save(event)}>
        <p class="muted">{shell('own.text')}</p>
        {failure && <Notice kind="bad" testid="own-error">{failure}</Notice>}
        <input type="text" autocomplete="username" value={user.name} readOnly hidden />
        <Field label={shell('own.current')}>
          {(control) => <input {...control} class="input" type="password" autocomplete="current-password" value={current} data-testid="own-current" onInput={(event) => setCurrent(event.currentTarget.value)} />}
        </Field>
        <Field label={shell('own.new')}>
          {(control) => <input {...control} class="input" type="password" autocomplete="new-password" value={password} data-testid="own-new" onInput={(event) => setPassword(event.currentTarget.value)} />}
        </Field>
        <Field label={shell('setup.repeat')}>
          {(control) => <input {...control} class="input" type="password" autocomplete="new-password" value={repeated} data-testid="own-repeat" onInput={(event) => setRepeated(event.currentTarget.value)} />}
        </Field>
        <RuleList checked={checked} same={same} />
      </form>
    </Dialog>
  );
}

function refusal(error: unknown): string {
  if (!(error instanceof Problem)) return explain(error);
  if (error.status === 403) return shell('own.wrong');
  if (error.status === 429) return shell('signIn.throttled', { seconds: error.retryAfter ?? 30 });
  return error.status === 400 ? shell('password.easy') : explain(error);
}
