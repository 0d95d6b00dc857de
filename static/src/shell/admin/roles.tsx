/** The table of roles and rights, as the server has it; and the boxes to tick when roles are given. */
import './roles.css';
import { session, type Right, type Role } from '../../common/api';
import { Icon } from '../../common/icons';
import { shell } from '../strings';
import { access } from './access-strings';
import { Section, useLoaded } from './parts';

type Shown = Role | 'guest' | 'token.dicomweb';

const nameOf = (role: Shown): string => (role === 'guest' || role === 'token.dicomweb' ? access(`role.${role}`) : shell(`role.${role}`));

export function Roles() {
  const { data, failure, reload } = useLoaded<{ rights: Right[]; roles: { role: Shown; rights: Right[] }[] }>('/api/admin/roles');
  return (
    <Section title={access('roles.name')} text={access('roles.text')} failure={failure} reload={reload} testid="roles">
      {data && (
        <div class="admin-table matrix">
          <table>
            <thead>
              <tr><th scope="col">{access('roles.right')}</th>{data.roles.map(({ role }) => <th key={role} scope="col">{nameOf(role)}</th>)}</tr>
            </thead>
            <tbody>
              {data.rights.map((right) => (
                <tr key={right}>
                  <th scope="row">{access(`right.${right}`)}</th>
                  {data.roles.map(({ role, rights }) => (
                    <td key={role} data-head={nameOf(role)}>
                      {rights.includes(right)
                        ? <span class="matrix-yes"><Icon name="check" /><span class="visually-hidden">{access('roles.yes')}</span></span>
                        : <span class="matrix-no" aria-hidden="true">–</span>}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}

/** Which roles I may give at this hospital. */
export function givable(hospital: string): Role[] {
  return session.value?.administers.find(({ code }) => code === hospital)?.gives ?? [];
}

const ORDER: readonly Role[] = ['radiologist', 'technologist', 'clinician', 'expert', 'admin', 'platform'];

export function RoleBoxes({ hospital, value, onChange }: { hospital: string; value: Role[]; onChange: (roles: Role[]) => void }) {
  const mine = givable(hospital);
  return (
    <div class="role-boxes" role="group" aria-label={access('roles.name')}>
      {ORDER.filter((role) => mine.includes(role) || value.includes(role)).map((role) => (
        <label key={role} class="checkbox">
          <input type="checkbox" checked={value.includes(role)} disabled={!mine.includes(role)} data-testid={`role-${role}`}
            onChange={(event) => onChange(event.currentTarget.checked ? [...value, role] : value.filter((other) => other !== role))} />
          {shell(`role.${role}`)}
        </label>
      ))}
    </div>
  );
}
