/** People and what they may do. */
import { useEffect, useState } from 'preact/hooks';
import { del, patch, session, type Role } from '../../common/api';
import { language } from '../../common/i18n';
import { common } from '../../common/strings';
import { openMenu, type MenuItem } from '../../common/menu';
import { Button, Dialog, Field, IconButton, Notice, toast } from '../../common/ui';
import { loadVocabulary, words as term } from '../../consult/api';
import { openOwnPassword } from '../own-password';
import { shell } from '../strings';
import { access } from './access-strings';
import { Confirm, refusal, Rows, Section, useLoaded, When } from './parts';
import { RoleBoxes } from './roles';
import { ResetPassword } from './set-password';
import { words } from './strings';
import { AddUser, EditUser, type User } from './user';

export function Users() {
  const list = useLoaded<{ users: User[] }>('/api/admin/users');
  const [adding, setAdding] = useState(false);
  const [resetting, setResetting] = useState<User | null>(null);
  const [disabling, setDisabling] = useState<User | null>(null);
  const [giving, setGiving] = useState<User | null>(null);
  const [editing, setEditing] = useState<User | null>(null);
  const [losing, setLosing] = useState<User | null>(null);
  const [ending, setEnding] = useState<User | null>(null);
  useEffect(() => void loadVocabulary().catch(() => undefined), []); // without it the codes of specialties are not named
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
  const own: MenuItem[] = [{ id: 'reset', text: shell('own.title'), icon: 'key', onSelect: openOwnPassword }];
  const more = (user: User): MenuItem[] => [
    { id: 'reset', text: words('users.reset'), icon: 'key', onSelect: () => setResetting(user) },
    { id: 'sessions', text: access('users.sessions.end'), icon: 'logout', onSelect: () => setEnding(user) },
    ...(user.second_factor ? [{ id: 'factor', text: access('users.factor.reset'), icon: 'shield' as const, onSelect: () => setLosing(user) }] : []),
    { id: 'disable', text: words(user.disabled ? 'users.enable' : 'users.disable'), icon: user.disabled ? 'check' : 'close', separate: true, onSelect: () => (user.disabled ? attempt(change(user, { disabled: false })) : setDisabling(user)) },
  ];
  return (
    <Section title={words('users')} text={words('users.text')} failure={list.failure} reload={list.reload}
      action={<Button kind="primary" icon="plus" onClick={() => setAdding(true)} data-testid="user-add">{words('users.add')}</Button>}>
      <Rows
        heads={[words('users.displayName'), words('users.role'), access('users.letters'), words('users.state'), words('users.lastSignIn'), words('actions')]}
        rows={list.data?.users ?? null}
        keyOf={(user) => user.id}
        none=""
        testid="users"
        rowTestid="user-row"
        cells={(user) => {
          const me = user.name === session.value?.user.name;
          return [
            <div><strong>{user.display_name || user.name}</strong>{me && <span class="tag">{words('users.you')}</span>}{user.name !== user.email && <div class="muted">{user.name}</div>}</div>,
            <RolesOf user={user} />,
            <LettersOf user={user} />,
            <div><StateOf user={user} />{user.second_factor && <div class="muted" data-testid="user-has-factor">{access('users.factor')}</div>}</div>,
            <When at={user.last_sign_in_at} />,
            <div class="row-actions row-actions-tight">
              {user.managed && <Button icon="edit" title={access('users.edit')} data-testid="user-edit" onClick={() => setEditing(user)}>{access('users.edit')}</Button>}
              {!me && <Button icon="users" title={words('users.role')} data-testid="user-roles" onClick={() => setGiving(user)}>{words('users.role')}</Button>}
              {user.managed && <IconButton icon="more" label={access('users.more', { name: user.display_name || user.name })} data-testid="user-more" aria-haspopup="menu"
                onClick={(event) => openMenu(event.currentTarget, access('users.more', { name: user.display_name || user.name }), () => (me ? own : more(user)))} />}
            </div>,
          ];
        }}
      />
      {adding && <AddUser onClose={() => setAdding(false)} onSaved={list.reload} />}
      {resetting && <ResetPassword user={resetting} onClose={() => setResetting(null)} onSave={(password) => change(resetting, { password })} />}
      {editing && <EditUser user={editing} onClose={() => setEditing(null)} onSaved={list.reload} />}
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

/** Whether somebody can come in, and whether who was invited has. */
function StateOf({ user }: { user: User }) {
  if (user.disabled) return <span class="state state-off">{words('users.disabled')}</span>;
  if (user.awaited) return <span class="state state-awaited" data-testid="user-awaited">{words('users.awaited')}</span>;
  return <span class="state state-on">{words('users.active')}</span>;
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

/** Where letters about consultations go, in which language, and about what. */
function LettersOf({ user }: { user: User }) {
  const about = user.specialties.map((code) => term('specialties', code)).filter(Boolean).join(', ');
  return (
    <div>
      {user.email ? <span class="wrap wrap-mail">{user.email}</span> : <span class="col-none">{access('users.email.none')}</span>}
      <div class="muted">{user.language === language.value ? about : [about, user.language === 'vi' ? 'Tiếng Việt' : 'English'].filter(Boolean).join(' · ')}</div>
    </div>
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
