/** The bar on top: where one can go, what is being imported, who one is. */
import { signal } from '@preact/signals';
import { chooseLanguage, may, mayAdminister, session } from '../common/api';
import { explain } from '../common/explain';
import { language } from '../common/i18n';
import { Icon } from '../common/icons';
import { Logo } from '../common/logo';
import { openMenu, type MenuItem } from '../common/menu';
import { common } from '../common/strings';
import { setTheme, theme } from '../common/theme';
import { Button, Dialog, toast } from '../common/ui';
import { words as sharing } from '../sharing/strings';
import { openImport, running, summary } from './import/queue';
import { words as importWords } from './import/strings';
import { account } from './account-strings';
import { leave } from './leaving';
import { openOwnPassword } from './own-password';
import { mayConsult, waitingCount } from './consult/entry';
import { route } from './route';
import { shell } from './strings';
import { refusedNews } from './worklist/store';
import { helpShown } from './worklist/page';
import { words } from './worklist/strings';

const aboutShown = signal(false);

export function Header() {
  const current = session.value;
  if (!current) return null;
  const at = route.value.parts[0] ?? '';
  const inStatistics = at === 'statistics';
  const inAccount = at === 'account' || inStatistics;
  const inConsult = ['consult', 'minutes'].includes(at) || (route.value.parts.length === 0 && !may('study.read') && mayConsult());
  const inAdmin = at === 'admin' || (route.value.parts.length === 0 && !may('study.read') && !mayConsult());
  const inWorklist = !inAdmin && !inAccount && !inConsult && at !== 'links';
  const mayAdmin = mayAdminister();
  const name = current.user.display_name || current.user.name;
  return (
    <header class="header">
      <button type="button" class="btn btn-plain skip" onClick={toContent}>{shell('nav.skip')}</button>
      <a class="header-home" href="#/" aria-label={common('product')}><Logo /></a>
      <nav class="header-nav" aria-label={shell('nav.places')}>
        {may('study.read') && <a href="#/" title={shell('nav.worklist')} aria-current={inWorklist ? 'page' : undefined} data-testid="nav-worklist"><Icon name="list" /><span>{shell('nav.worklist')}</span></a>}
        {mayConsult() && (
          <a href="#/consult" title={shell('nav.consult')} aria-current={inConsult ? 'page' : undefined} data-testid="nav-consult">
            <Icon name="consult" /><span>{shell('nav.consult')}</span>
            {waitingCount.value > 0 && <span class="nav-count" aria-label={shell('nav.consult.waiting', { count: waitingCount.value })} data-testid="nav-waiting">{waitingCount.value}</span>}
          </a>
        )}
        {may('link.make') && <a href="#/links" title={sharing('links')} aria-current={at === 'links' ? 'page' : undefined} data-testid="nav-links"><Icon name="link" /><span>{sharing('links')}</span></a>}
        {may('consult.statistics') && <a href="#/statistics" title={shell('nav.statistics')} aria-current={inStatistics ? 'page' : undefined} data-testid="nav-statistics"><Icon name="pulse" /><span>{shell('nav.statistics')}</span></a>}
        {mayAdmin && (
          <a href="#/admin" title={shell('nav.admin')} aria-current={inAdmin ? 'page' : undefined} data-testid="nav-admin">
            <Icon name="gear" /><span>{shell('nav.admin')}</span>
            {refusedNews.value > 0 && <span class="nav-dot" role="img" aria-label={shell('nav.admin.news')} />}
          </a>
        )}
      </nav>
      <div class="header-end">
        {may('study.store') && (inWorklist || running.value) && <ImportButton />}
        <button type="button" class="account" aria-haspopup="menu" aria-label={shell('nav.menu', { name })} title={name} data-testid="user-menu"
          onClick={(event) => openMenu(event.currentTarget, shell('nav.menu', { name }), items, <Who />)}>
          <span class="avatar" aria-hidden="true">{initials(name)}</span>
          <span class="account-name">{name}</span>
          <Icon name="down" size={14} />
        </button>
      </div>
    </header>
  );
}

/** Past the places and pages, for those who go by keyboard. */
function toContent(): void {
  const main = document.querySelector('main');
  if (!main) return;
  main.tabIndex = -1;
  main.focus();
}

function ImportButton() {
  const { finished, files } = summary.value;
  return (
    <Button icon="upload" title={words('import')} aria-label={running.value ? undefined : words('import')} class={running.value ? 'btn-running' : ''} onClick={openImport} data-testid="import-open">
      {running.value ? importWords('running', { done: finished, total: files }) : words('import')}
    </Button>
  );
}

function Who() {
  const user = session.value?.user;
  const hospitals = session.value?.hospitals ?? [];
  if (!user) return null;
  const roles = [...new Set(user.roles.map(({ role }) => role))].map((role) => shell(`role.${role}`));
  return (
    <>
      <strong>{user.display_name || user.name}</strong>
      <div class="muted">{roles.join(', ')}</div>
      {hospitals.length === 1 && <div class="muted">{hospitals[0]?.name}</div>}
    </>
  );
}

function items(): MenuItem[] {
  const say = (promise: Promise<unknown>): void => void promise.catch((error: unknown) => toast(explain(error), 'bad'));
  return [
    { id: 'vi', text: 'Tiếng Việt', icon: 'globe', checked: language.value === 'vi', onSelect: () => say(chooseLanguage('vi')) },
    { id: 'en', text: 'English', icon: 'globe', checked: language.value === 'en', onSelect: () => say(chooseLanguage('en')) },
    { id: 'dark', text: shell('menu.dark'), icon: 'moon', checked: theme.value === 'dark', separate: true, onSelect: () => setTheme('dark') },
    { id: 'light', text: shell('menu.light'), icon: 'sun', checked: theme.value === 'light', onSelect: () => setTheme('light') },
    { id: 'account', text: account('title'), icon: 'user', separate: true, onSelect: () => { location.hash = '#/account'; } },
    { id: 'password', text: shell('own.title'), icon: 'key', onSelect: openOwnPassword },
    { id: 'help', text: shell('menu.help'), icon: 'help', onSelect: () => { location.hash = '#/'; helpShown.value = true; } },
    { id: 'about', text: shell('menu.about'), icon: 'info', onSelect: () => (aboutShown.value = true) },
    { id: 'sign-out', text: shell('menu.signOut'), icon: 'logout', separate: true, onSelect: () => say(leave()) },
  ];
}

export function About() {
  const current = session.value;
  if (!aboutShown.value || !current) return null;
  const facts: [string, string][] = [
    [shell('about.version'), current.version],
    [shell('about.ae'), current.dicom.ae_title],
    [shell('about.address'), `${current.dicom.host}:${current.dicom.port}`],
  ];
  return (
    <Dialog title={shell('about.title')} onClose={() => (aboutShown.value = false)} testid="about">
      <div class="about">
        <Logo size={40} />
        <p>{shell('about.text')}</p>
        <dl class="facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
        <p class="muted">{shell('about.licence')}</p>
      </div>
    </Dialog>
  );
}

/** In Vietnamese the given name, which comes last, is what people go by. */
function initials(name: string): string {
  const parts = name.replace(/^(BS|TS|ThS|PGS|GS|KTV|Dr|Prof)\b\.?\s*/i, '').split(/[\s.]+/).filter(Boolean);
  const last = parts.at(-1) ?? '?';
  return ((parts.length > 1 ? (parts[0]?.[0] ?? '') : '') + (last[0] ?? '')).toUpperCase();
}
