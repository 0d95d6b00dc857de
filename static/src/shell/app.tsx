/** The shell: who is signed in, where we are, and the frame around every page. */
import { signal } from '@preact/signals';
import { Component, type ComponentChildren, type FunctionComponent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { loadSession, may, mayAdminister, session } from '../common/api';
import { explain } from '../common/explain';
import { MenuLayer, closeMenu } from '../common/menu';
import { common } from '../common/strings';
import { Button, Toasts } from '../common/ui';
import { Mark } from '../common/logo';
import { words as sharing } from '../sharing/strings';
import { account } from './account-strings';
import { About, Header } from './header';
import { ImportDialog } from './import/dialog';
import { DropAnywhere } from './import/drop';
import { Leaving } from './leaving';
import { OwnPassword } from './own-password';
import { AskLayer, Consulting, followConsults } from './consult/entry';
import { go, route } from './route';
import { Invitation } from './invitation';
import { SetUp } from './set-up';
import { SignIn } from './sign-in';
import { shell } from './strings';
import { within } from './title';
import { Worklist } from './worklist/page';
import { words } from './worklist/strings';

const unreachable = signal<string | null>(null);
const wasIn = signal(false);
const own = signal<FunctionComponent | null>(null);
const links = signal<FunctionComponent | null>(null);
const later = signal<Record<string, FunctionComponent<{ code: string }>>>({});
const LATER: Record<string, () => Promise<FunctionComponent<{ code: string }>>> = {
  minutes: () => import('./minutes/page').then((module) => module.MinutesPage),
  statistics: () => import('./statistics/page').then((module) => module.StatisticsPage),
};
const admin = signal<FunctionComponent<{ page: string }> | null>(null);

async function connect(): Promise<void> {
  unreachable.value = null;
  try {
    await loadSession();
  } catch (error) {
    unreachable.value = explain(error);
  }
}

export function App() {
  useEffect(() => void connect(), []);
  useTitle();
  return (
    <Guarded>
      <Page />
      <MenuLayer />
      <Toasts />
    </Guarded>
  );
}

function Page() {
  const current = session.value;
  const [first = '', second = '', third = ''] = route.value.parts;
  useEffect(() => (current ? followConsults() : undefined), [Boolean(current)]);
  if (current) wasIn.value = true;
  if (first === 'setup' && second) return <SetUp secret={second} />;
  if (first === 'invitation' && second) return <Invitation secret={second} />;
  if (unreachable.value !== null) return <Unreachable text={unreachable.value} />;
  if (current === undefined) return <main class="boot" aria-busy="true"><Mark size={48} /></main>;
  if (current === null) return <SignIn why={wasIn.value ? 'expired' : route.value.query.has('next') ? 'next' : null} />;
  return (
    <div class="app">
      <Header />
      {first === '' || first === 'sign-in' ? <Home />
        : first === 'admin' ? <Admin page={second} />
        : first === 'account' ? <Account />
        : first === 'consult' ? <Consulting box={second} code={third} />
        : first === 'links' && may('link.make') ? <Links />
        : first === 'minutes' && second ? <Later name="minutes" code={second} />
        : first === 'statistics' ? <Later name="statistics" code="" />
        : first === 'gone' ? <Gone />
        : <Missing />}
      <AskLayer />
      <ImportDialog />
      <About />
      <OwnPassword />
      <Leaving />
    </div>
  );
}

/** What somebody comes for: the worklist, or administration when they see no images, or nothing yet. */
function Home() {
  if (may('study.read')) return <><Worklist />{may('study.store') && <DropAnywhere />}</>;
  if (may('consult.answer')) return <Consulting box="" code="" />;
  return mayAdminister() ? <Admin page="" /> : <Message title={shell('nothing.title')} text={shell('nothing.text')} />;
}

/** Administration is code of its own, fetched when somebody goes there. */
function Admin({ page }: { page: string }) {
  const allowed = mayAdminister();
  useEffect(() => {
    if (!allowed || admin.value) return;
    import('./admin/page').then((module) => (admin.value = module.AdminPage), (error: unknown) => (unreachable.value = explain(error)));
  }, [allowed]);
  if (!allowed) return <Message title={shell('denied.title')} text={shell('denied.text')} />;
  const View = admin.value;
  return View ? <View page={page} /> : <main class="boot" aria-busy="true" />;
}

/** So are one's share links. */
function Links() {
  useEffect(() => {
    if (!links.value) import('../sharing/list').then((module) => (links.value = module.OwnLinks), (error: unknown) => (unreachable.value = explain(error)));
  }, []);
  const View = links.value;
  return View ? <View /> : <main class="boot" aria-busy="true" />;
}

/** So is one's own account. */
function Account() {
  useEffect(() => {
    if (own.value) return;
    import('./account').then((module) => (own.value = module.AccountPage), (error: unknown) => (unreachable.value = explain(error)));
  }, []);
  const View = own.value;
  return View ? <View /> : <main class="boot" aria-busy="true" />;
}

/** Pages that are fetched when somebody goes there. */
function Later({ name, code }: { name: string; code: string }) {
  useEffect(() => {
    if (later.value[name]) return;
    LATER[name]?.().then((View) => (later.value = { ...later.value, [name]: View }), (error: unknown) => (unreachable.value = explain(error)));
  }, [name]);
  const View = later.value[name];
  return View ? <View key={code} code={code} /> : <main class="boot" aria-busy="true" />;
}

/** Where a reading room leads whose study may not be seen any more. */
const Gone = () => (
  <main class="message" data-testid="gone">
    <h1>{shell('gone.title')}</h1>
    <p class="muted">{shell('gone.text')}</p>
    <Button kind="primary" icon="consult" onClick={() => go('#/consult')}>{shell('gone.back')}</Button>
  </main>
);

const Missing = () => <Message title={shell('notFound.title')} text={shell('notFound.text')} />;

function Message({ title, text }: { title: string; text: string }) {
  return (
    <main class="message">
      <h1>{title}</h1>
      <p class="muted">{text}</p>
      <Button icon="back" onClick={() => go('#/')}>{shell('notFound.back')}</Button>
    </main>
  );
}

function Unreachable({ text }: { text: string }) {
  return (
    <main class="message" data-testid="unreachable">
      <Mark size={48} />
      <h1>{shell('connect.title')}</h1>
      <p class="muted">{text}</p>
      <Button kind="primary" icon="refresh" onClick={() => void connect()}>{common('retry')}</Button>
    </main>
  );
}

function placeOf(first: string): string {
  switch (first) {
    case 'admin': return shell('nav.admin');
    case 'consult':
    case 'minutes': return shell('nav.consult');
    case 'statistics': return shell('nav.statistics');
    case 'links': return sharing('links');
    case 'account': return account('title');
    default: return words('title');
  }
}

/** The title of the tab never names a patient. */
function useTitle(): void {
  const first = route.value.parts[0] ?? '';
  const title = [within.value, session.value ? placeOf(first) : shell('signIn.title'), common('product')].filter(Boolean).join(' · ');
  useEffect(() => {
    document.title = title;
  }, [title]);
  const before = useRef(route.value);
  if (before.current !== route.value) {
    before.current = route.value;
    closeMenu();
  }
}

/** What an unexpected error leaves behind: a sentence and a way on, never a blank page. */
class Guarded extends Component<{ children: ComponentChildren }, { failed: boolean }> {
  override state = { failed: false };

  static override getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render(): ComponentChildren {
    if (!this.state.failed) return this.props.children;
    return (
      <main class="message" aria-live="assertive">
        <h1>{shell('crash.title')}</h1>
        <p class="muted">{shell('crash.text')}</p>
        <Button kind="primary" icon="refresh" onClick={() => location.reload()}>{shell('crash.reload')}</Button>
      </main>
    );
  }
}
