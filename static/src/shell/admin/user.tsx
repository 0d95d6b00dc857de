/** Somebody's account: made new, or what is known of a person changed. */
import { useEffect, useState } from 'preact/hooks';
import { patch, post, session, type Role } from '../../common/api';
import { isLanguage, language, type Language } from '../../common/i18n';
import { common } from '../../common/strings';
import { Button, Dialog, Field, Notice, toast } from '../../common/ui';
import { loadVocabulary, terms } from '../../consult/api';
import { good, rules } from '../password';
import { RuleList } from '../password-rules';
import { shell } from '../strings';
import { access } from './access-strings';
import { refusal } from './parts';
import { givable, RoleBoxes } from './roles';
import { PasswordField } from './set-password';
import { words } from './strings';

export interface User {
  id: number;
  name: string;
  display_name: string;
  language: Language;
  email: string;
  specialties: string[];
  invited: boolean;
  /** Invited, and not yet signed in. */
  awaited: boolean;
  disabled: boolean;
  /** Whether it is ours to change: all its roles are. */
  managed: boolean;
  second_factor: boolean;
  roles: { hospital: string; role: Role }[];
  last_sign_in_at: number | null;
}

type Details = Pick<User, 'email' | 'language' | 'specialties'>;

/** Who answers is asked by specialty. */
const ANSWERING: readonly Role[] = ['radiologist', 'expert'];

/** Most accounts are made for those who read. */
const usualAt = (hospital: string): Role[] => (givable(hospital).includes('radiologist') ? ['radiologist'] : []);

export function AddUser({ onClose, onSaved }: { onClose: () => void; onSaved: () => void }) {
  const hospitals = session.value?.administers ?? [];
  const first = hospitals[0]?.code ?? '';
  const [user, setUser] = useState({ name: '', display_name: '', password: '', roles: usualAt(first), hospital: first, email: '', language: language.value, specialties: [] as string[] });
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const put = (some: Partial<typeof user>): void => setUser({ ...user, ...some });
  const checked = rules(user.password, user.name, user.display_name);
  const ready = good(checked) && user.name.trim() !== '' && user.display_name.trim() !== '' && user.roles.length > 0;
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    try {
      await post('/api/admin/users', { ...user, name: user.name.trim(), display_name: user.display_name.trim(), email: user.email.trim() });
      toast(words('users.saved', { name: user.display_name }));
      onSaved();
      onClose();
    } catch (error) {
      setFailure(refusal(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={words('users.add')} onClose={onClose} testid="user-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" type="submit" form="user-form" busy={busy} disabled={!ready} data-testid="user-save">{common('save')}</Button></>}>
      <form id="user-form" class="form" noValidate autocomplete="off" onSubmit={(event) => void save(event)}>
        {failure && <Notice kind="bad">{failure}</Notice>}
        <Field label={words('users.displayName')} hint={shell('setup.displayNameHint')}>
          {(control) => <input {...control} class="input" value={user.display_name} data-testid="user-display-name" onInput={(event) => put({ display_name: event.currentTarget.value })} />}
        </Field>
        <Field label={words('users.name')} hint={shell('setup.nameHint')}>
          {(control) => <input {...control} class="input" autocapitalize="none" spellcheck={false} autocomplete="off" value={user.name} data-testid="user-name" onInput={(event) => put({ name: event.currentTarget.value })} />}
        </Field>
        {hospitals.length > 1 && (
          <Field label={words('hospital')}>
            {(control) => <select {...control} class="select" value={user.hospital} data-testid="user-hospital" onChange={(event) => put({ hospital: event.currentTarget.value, roles: usualAt(event.currentTarget.value) })}>{hospitals.map((one) => <option key={one.code} value={one.code}>{one.name}</option>)}</select>}
          </Field>
        )}
        <Field label={words('users.role')}>
          {() => <RoleBoxes hospital={user.hospital} value={user.roles} onChange={(roles) => put({ roles })} />}
        </Field>
        <DetailFields value={user} answers={user.roles.some((role) => ANSWERING.includes(role))} onChange={put} />
        <PasswordField label={words('users.password')} value={user.password} onChange={(password) => put({ password })} />
        <RuleList checked={checked} />
      </form>
    </Dialog>
  );
}

/** The name one is seen by, where letters go, the language, what one answers for. */
export function EditUser({ user, onClose, onSaved }: { user: User; onClose: () => void; onSaved: () => void }) {
  const [changed, setChanged] = useState({ display_name: user.display_name, email: user.email, language: user.language, specialties: user.specialties });
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const ready = changed.display_name.trim() !== '';
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    try {
      const json = { ...changed, display_name: changed.display_name.trim(), email: changed.email.trim() };
      await patch(`/api/admin/users/${user.id}`, { hospital: user.roles[0]?.hospital, ...json });
      toast(words('users.saved', { name: json.display_name }));
      onSaved();
      onClose();
    } catch (error) {
      setFailure(refusal(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={access('users.edit.title', { name: user.display_name || user.name })} onClose={onClose} testid="edit-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" type="submit" form="edit-form" busy={busy} disabled={!ready} data-testid="edit-save">{common('save')}</Button></>}>
      <form id="edit-form" class="form" noValidate autocomplete="off" onSubmit={(event) => void save(event)}>
        {failure && <Notice kind="bad">{failure}</Notice>}
        <Field label={words('users.displayName')} hint={shell('setup.displayNameHint')}>
          {(control) => <input {...control} class="input" maxLength={128} value={changed.display_name} data-testid="edit-display-name" onInput={(event) => setChanged({ ...changed, display_name: event.currentTarget.value })} />}
        </Field>
        <DetailFields value={changed} invited={user.invited} answers={user.roles.some(({ role }) => ANSWERING.includes(role))} onChange={(some) => setChanged({ ...changed, ...some })} />
      </form>
    </Dialog>
  );
}

function DetailFields({ value, invited = false, answers, onChange }: { value: Details; invited?: boolean; answers: boolean; onChange: (some: Partial<Details>) => void }) {
  useEffect(() => void loadVocabulary().catch(() => undefined), []);
  const chosen = value.specialties;
  return (
    <>
      <div class="form-pair">
        <Field label={access('users.email')} hint={access(invited ? 'users.email.invited' : 'users.email.hint')}>
          {(control) => <input {...control} class="input" type="email" autocomplete="off" spellcheck={false} maxLength={254} disabled={invited} value={value.email} data-testid="user-email" onInput={(event) => onChange({ email: event.currentTarget.value })} />}
        </Field>
        <Field label={access('users.language')}>
          {(control) => (
            <select {...control} class="select" value={value.language} data-testid="user-language" onChange={(event) => isLanguage(event.currentTarget.value) && onChange({ language: event.currentTarget.value })}>
              <option value="vi">Tiếng Việt</option>
              <option value="en">English</option>
            </select>
          )}
        </Field>
      </div>
      {answers && (
        <fieldset class="notices-for" data-testid="user-specialties">
          <legend class="field-label">{access('users.specialties')}</legend>
          {terms('specialties').map((term) => (
            <label key={term.code} class="checkbox">
              <input type="checkbox" checked={chosen.includes(term.code)} data-testid={`specialty-${term.code}`}
                onChange={(event) => onChange({ specialties: event.currentTarget.checked ? [...chosen, term.code] : chosen.filter((code) => code !== term.code) })} />
              <span>{term[language.value]}</span>
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}
