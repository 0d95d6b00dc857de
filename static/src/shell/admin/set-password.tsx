/** Passwords that an administrator sets for somebody else. */
import { useState } from 'preact/hooks';
import { common } from '../../common/strings';
import { Button, CopyLine, Dialog, Field, Notice } from '../../common/ui';
import { good, rules } from '../password';
import { RuleList } from '../password-rules';
import { refusal } from './parts';
import { words } from './strings';
import type { User } from './user';

export function ResetPassword({ user, onClose, onSave }: { user: User; onClose: () => void; onSave: (password: string) => Promise<void> }) {
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const checked = rules(password, user.name, user.display_name);
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await onSave(password);
      onClose();
    } catch (error) {
      setFailure(refusal(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={words('users.reset.title', { name: user.display_name || user.name })} onClose={onClose} testid="reset-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" type="submit" form="reset-form" busy={busy} disabled={!good(checked)} data-testid="reset-save">{common('save')}</Button></>}>
      <form id="reset-form" class="form" noValidate autocomplete="off" onSubmit={(event) => void save(event)}>
        <p class="muted">{words('users.reset.text')}</p>
        {failure && <Notice kind="bad">{failure}</Notice>}
        <PasswordField label={words('users.newPassword')} value={password} onChange={setPassword} />
        <RuleList checked={checked} />
      </form>
    </Dialog>
  );
}

/** A password for somebody else: in sight, because it is handed over, and made for one on request. */
export function PasswordField({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const [made, setMade] = useState(false);
  return (
    <>
      <Field label={label}>
        {(control) => (
          <div class="with-action">
            <input {...control} class="input mono" autocomplete="off" spellcheck={false} value={value} data-testid="user-password"
              onInput={(event) => { setMade(false); onChange(event.currentTarget.value); }} />
            <Button onClick={() => { setMade(true); onChange(randomPassword()); }}>{words('users.generate')}</Button>
          </div>
        )}
      </Field>
      {made && <CopyLine text={value} />}
    </>
  );
}

/** Four groups of four letters and digits that cannot be mistaken for each other: about 78 bits. */
function randomPassword(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789';
  const limit = 256 - (256 % letters.length);
  let text = '';
  while (text.replaceAll('-', '').length < 16) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
      const length = text.replaceAll('-', '').length;
      if (byte >= limit || length >= 16) continue;
      text += (length > 0 && length % 4 === 0 ? '-' : '') + (letters[byte % letters.length] ?? '');
    }
  }
  return text;
}
