/** Administration: one page for each thing to look after, as far as one's rights go. */
import './admin.css';
import { useEffect } from 'preact/hooks';
import { may, type Right } from '../../common/api';
import { Icon, type IconName } from '../../common/icons';
import { AllLinks } from '../../sharing/list';
import { words as sharing } from '../../sharing/strings';
import { Audit } from './audit';
import { Health } from './health';
import { Hospitals } from './hospitals';
import { Peers } from './peers';
import { Conflicts, Quarantine } from './reconcile';
import { access } from './access-strings';
import { rejection } from '../rejection';
import { useWithin } from '../title';
import { odd } from './odd-strings';
import { Recordings } from './recordings';
import { recording } from './recordings-strings';
import { Rejected } from './rejected';
import { words } from './strings';
import { Roles } from './roles';
import { Tokens } from './tokens';
import { Users } from './users';

const PAGES = [
  { name: 'peers', icon: 'server', right: 'admin.peers', View: Peers },
  { name: 'users', icon: 'users', right: 'admin.users', View: Users },
  { name: 'hospitals', icon: 'building', right: 'admin.hospitals', View: Hospitals },
  { name: 'roles', icon: 'user', right: 'admin.users', View: Roles },
  { name: 'tokens', icon: 'key', right: 'admin.tokens', View: Tokens },
  { name: 'links', icon: 'link', right: 'admin.links', View: AllLinks },
  { name: 'conflicts', icon: 'conflict', right: 'admin.conflicts', View: Conflicts },
  { name: 'quarantine', icon: 'shield', right: 'admin.conflicts', View: Quarantine },
  { name: 'rejected', icon: 'trash', right: 'admin.conflicts', View: Rejected },
  { name: 'recordings', icon: 'mic', right: 'admin.delete', View: Recordings },
  { name: 'audit', icon: 'list', right: 'admin.audit', View: Audit },
  { name: 'health', icon: 'pulse', right: 'admin.health', View: Health },
] as const satisfies readonly { name: string; icon: IconName; right: Right; View: () => unknown }[];

type Name = (typeof PAGES)[number]['name'];

/** What each is called; most names stand with the words of their page. */
function titleOf(name: Name): string {
  switch (name) {
    case 'audit': return odd('audit');
    case 'hospitals': return access('hospitals');
    case 'roles': return access('roles.name');
    case 'rejected': return rejection('rejected');
    case 'recordings': return recording('recordings');
    case 'links': return sharing('links');
    default: return words(name);
  }
}

export function AdminPage({ page }: { page: string }) {
  const allowed = PAGES.filter(({ right }) => may(right));
  const current = allowed.find(({ name }) => name === page) ?? allowed[0];
  const name = current?.name;
  useEffect(() => document.querySelector('.admin-nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }), [name]);
  useWithin(name ? titleOf(name) : '');
  if (!current) return null;
  return (
    <div class="admin">
      <nav class="admin-nav" aria-label={words('title')}>
        {allowed.map(({ name, icon }) => (
          <a key={name} href={`#/admin/${name}`} aria-current={name === current.name ? 'page' : undefined} data-testid={`admin-${name}`}>
            <Icon name={icon} />{titleOf(name)}
          </a>
        ))}
      </nav>
      <main class="admin-main"><current.View key={current.name} /></main>
    </div>
  );
}
