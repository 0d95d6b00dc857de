/** People and what they may do. */
import { useState } from 'preact/hooks';
import { del, patch, post, session, type Role } from '../../common/api';
import { common } from '../../common/strings';
import { openMenu, type MenuItem } from '../../common/menu';
import { Button, CopyLine, Dialog, Field, IconButton, Notice, toast } from '../../common/ui';
import { openOwnPassword } from '../own-password';
import { good, rules } from '../password';
import { RuleList } from '../password-rules';
import { shell } from '../strings';
import { access } from './access-strings';
import { Confirm, refusal, Rows, Section, useLoaded, When } from './parts';
import { givable, RoleBoxes } from './roles';
import { words } from './strings';

interface User {
  id: number;
  name: string;
  display_name: string;
  disabled: boolean;
  second_factor: boolean;
  roles: { hospital: string; role: Role }[];
  last_sign_in_at: number | null;
}

export function Users() {
  const list = useLoaded<{ users: User[] }>('/api/admin/users');
  const [adding, setAdding] = useState(false);
  const [resetting, setResetting] = useState<User | null>(null);
  const [disabling, setDisabling] = useState<User | null>(null);
  const [giving, setGiving] = useState<User | null>(null);
  const [losing, setLosing] = useState<User | null>(null);
  const [ending, setEnding] = useState<User | null>(null);
  const change = async (user: User, json: object): Promise<void> => {
    await patch(`/api/admin/users/${user.id}`, { hospital: user.roles[0]?.hospital, ...json });
    toast(words('users.saved', { name: user.display_name || user.name }));
    list.reload();
  };
  const attempt = (promise: Promise<void>): void => void promise.catch((error: unknown) => {
    toast(refusal(error), 'bad');
    list.reload();
  });
  const act = async (user: User, what: 'factor' | 'sessions'): Promise<void> => {
    await del(`/api/admin/users/${user.id}/${what}`);
    toast(words('users.saved', { name: user.display_name || user.name }));
    list.reload();
  };
  const more = (user: User): MenuItem[] => [
    { id: 'sessions', text: access('users.sessions.end'), icon: 'logout', onSelect: () => setEnding(user) },
    ...(user.second_factor ? [{ id: 'factor', text: access('users.factor.reset'), icon: 'shield' as const, onSelect: () => setLosing(user) }] : []),
  ];
  return (
    <Section title={words('users')} text={words('users.text')} failure={list.failure} reload={list.reload}
      action={<Button kind="primary" icon="plus" onClick={() => setAdding(true)} data-testid="user-add">{words('users.add')}</Button>}>
      <Rows
        heads={[words('users.displayName'), words('users.role'), words('users.state'), words('users.lastSignIn'), words('actions')]}
        rows={list.data?.users ?? null}
        keyOf={(user) => user.id}
        none=""
        testid="users"
        rowTestid="user-row"
        cells={(user) => {
          const me = user.name === session.value?.user.name;
          return [
            <div><strong>{user.display_name || user.name}</strong>{me && <span class="tag">{words('users.you')}</span>}<div class="muted">{user.name}</div></div>,
            <RolesOf user={user} />,
            <div>{user.disabled ? <span class="state state-off">{words('users.disabled')}</span> : <span class="state state-on">{words('users.active')}</span>}{user.second_factor && <div class="muted" data-testid="user-has-factor">{access('users.factor')}</div>}</div>,
            <When at={user.last_sign_in_at} />,
            <div class="row-actions">
              {!me && <Button icon="users" data-testid="user-roles" onClick={() => setGiving(user)}>{words('users.role')}</Button>}
              <Button icon="key" data-testid="user-reset" onClick={() => (me ? openOwnPassword() : setResetting(user))}>{me ? shell('own.title') : words('users.reset')}</Button>
              {!me && <Button onClick={() => (user.disabled ? attempt(change(user, { disabled: false })) : setDisabling(user))} data-testid="user-disable">{words(user.disabled ? 'users.enable' : 'users.disable')}</Button>}
              {!me && <IconButton icon="more" label={access('users.more', { name: user.display_name || user.name })} data-testid="user-more" aria-haspopup="menu"
                onClick={(event) => openMenu(event.currentTarget, access('users.more', { name: user.display_name || user.name }), () => more(user))} />}
            </div>,
          ];
        }}
      />
      {adding && <AddUser onClose={() => setAdding(false)} onSaved={list.reload} />}
      {resetting && <ResetPassword user={resetting} onClose={() => setResetting(null)} onSave={(password) => change(resetting, { password })} />}
      {giving && <GiveRoles user={giving} onClose={() => setGiving(null)} onSave={(json) => change(giving, json)} />}
      {losing && (
        <Confirm title={access('users.factor.reset.title', { name: losing.display_name || losing.name })} text={access('users.factor.reset.text')} action={access('users.factor.reset')}
          onClose={() => setLosing(null)} onDo={() => act(losing, 'factor')} />
      )}
      {ending && (
        <Confirm title={access('users.sessions.end.title', { name: ending.display_name || ending.name })} text={access('users.sessions.end.text')} action={access('users.sessions.end')}
          onClose={() => setEnding(null)} onDo={() => act(ending, 'sessions')} />
      )}
      {disabling && (
        <Confirm title={words('users.disable.title', { name: disabling.display_name || disabling.name })} text={words('users.disable.text')} action={words('users.disable')}
          onClose={() => setDisabling(null)} onDo={() => change(disabling, { disabled: true })} />
      )}
    </Section>
  );
}

/** What somebody is, and where when that is not obvious. */
function RolesOf({ user }: { user: User }) {
  const several = (session.value?.administers.length ?? 0) > 1;
  if (user.roles.length === 0) return <span class="muted">{access('roles.none')}</span>;
  const hospitals = [...new Set(user.roles.map(({ hospital }) => hospital))];
  return (
    <>
      {hospitals.map((hospital) => (
        <div key={hospital}>
          {user.roles.filter((one) => one.hospital === hospital).map(({ role }) => shell(`role.${role}`)).join(', ')}
          {several && <span class="muted"> · {hospital}</span>}
        </div>
      ))}
    </>
  );
}

function GiveRoles({ user, onClose, onSave }: { user: User; onClose: () => void; onSave: (json: object) => Promise<void> }) {
  const administered = session.value?.administers ?? [];
  const first = administered.find(({ code }) => user.roles.some(({ hospital }) => hospital === code)) ?? administered[0];
  const heldAt = (code: string): Role[] => user.roles.filter((one) => one.hospital === code).map(({ role }) => role);
  const [hospital, setHospital] = useState(first?.code ?? '');
  const [roles, setRoles] = useState<Role[]>(heldAt(first?.code ?? ''));
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const name = user.display_name || user.name;
  const save = async (): Promise<void> => {
    setBusy(true);
    try {
      await onSave({ hospital, roles });
      onClose();
    } catch (error) {
      setFailure(refusal(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={access('roles.pick', { name })} onClose={onClose} testid="roles-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" busy={busy} onClick={() => void save()} data-testid="roles-save">{common('save')}</Button></>}>
      <div class="form">
        <p class="muted">{access('roles.pick.text')}</p>
        {failure && <Notice kind="bad">{failure}</Notice>}
        {administered.length > 1 && (
          <Field label={words('hospital')}>
            {(control) => (
              <select {...control} class="select" value={hospital} onChange={(event) => { setHospital(event.currentTarget.value); setRoles(heldAt(event.currentTarget.value)); }}>
                {administered.map((one) => <option key={one.code} value={one.code}>{one.name || one.code}</option>)}
              </select>
            )}
          </Field>
        )}
        <RoleBoxes hospital={hospital} value={roles} onChange={setRoles} />
      </div>
    </Dialog>
  );
}

function AddUser({ onClose, onSaved }: { onClose: () => void; onSaved: () => void }) {
  const hospitals = session.value?.administers ?? [];
  const first = hospitals[0]?.code ?? '';
  const usual: Role[] = givable(first).includes('radiologist') ? ['radiologist'] : [];
  const [user, setUser] = useState({ name: '', display_name: '', password: '', roles: usual, hospital: first });
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
      await post('/api/admin/users', { ...user, name: user.name.trim(), display_name: user.display_name.trim() });
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
        <Field label={words('users.role')}>
          {() => <RoleBoxes hospital={user.hospital} value={user.roles} onChange={(roles) => put({ roles })} />}
        </Field>
        {hospitals.length > 1 && (
          <Field label={words('hospital')}>
            {(control) => <select {...control} class="select" value={user.hospital} onChange={(event) => put({ hospital: event.currentTarget.value, roles: [] })}>{hospitals.map((one) => <option key={one.code} value={one.code}>{one.name}</option>)}</select>}
          </Field>
        )}
        <PasswordField label={words('users.password')} value={user.password} onChange={(password) => put({ password })} />
        <RuleList checked={checked} />
      </form>
    </Dialog>
  );
}

function ResetPassword({ user, onClose, onSave }: { user: User; onClose: () => void; onSave: (password: string) => Promise<void> }) {
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
function PasswordField({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
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
