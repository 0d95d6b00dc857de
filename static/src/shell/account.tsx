/** One's own account: where one is signed in, the second factor, the password. */
import './admin/admin.css';
import './account.css';
import { useState } from 'preact/hooks';
import { begin, del, Problem, request, session, type Session } from '../common/api';
import { explain } from '../common/explain';
import { Button, Dialog, Field, Notice, toast } from '../common/ui';
import { common } from '../common/strings';
import { account } from './account-strings';
import { Rows, Section, useLoaded, When } from './admin/parts';
import { words } from './admin/strings';
import { factor } from './factor-strings';
import { openOwnPassword } from './own-password';
import { Notices } from './notices';
import { Codes, Picture, type Shown } from './second-step';
import { shell } from './strings';

interface Place {
  id: string;
  here: boolean;
  created_at: number;
  seen_at: number;
  address: string;
  agent: string;
}

export function AccountPage() {
  const user = session.value?.user;
  const [setting, setSetting] = useState(false);
  if (!user) return null;
  return (
    <main class="account-page" data-testid="account">
      <h1>{account('title')}</h1>
      <Sessions />
      <Section title={account('factor')} text={account(user.second_factor ? 'factor.on' : 'factor.off')} testid="own-factor"
        action={<Button kind={user.second_factor ? 'plain' : 'primary'} icon="shield" onClick={() => setSetting(true)} data-testid="factor-set">{account(user.second_factor ? 'factor.again' : 'factor.set')}</Button>}>
        {user.second_factor && <p class="muted">{account('factor.lost')}</p>}
      </Section>
      <Notices />
      <Section title={account('password')} text={account('password.text')}
        action={<Button icon="key" onClick={openOwnPassword}>{shell('own.title')}</Button>}>
        {null}
      </Section>
      {setting && <SetFactor onClose={() => setSetting(false)} />}
    </main>
  );
}

function Sessions() {
  const list = useLoaded<{ sessions: Place[] }>('/api/sessions');
  const places = list.data?.sessions ?? null;
  const end = (path: string): void => void del(path).then(
    () => {
      toast(account('sessions.ended'));
      list.reload();
    },
    (error: unknown) => toast(explain(error), 'bad'),
  );
  return (
    <Section title={account('sessions')} text={account('sessions.text')} failure={list.failure} reload={list.reload}
      action={(places?.length ?? 0) > 1 && <Button kind="danger" onClick={() => end('/api/sessions')} data-testid="sessions-end-others">{account('sessions.others')}</Button>}>
      <Rows
        heads={[account('sessions.where'), account('sessions.address'), account('sessions.since'), account('sessions.seen'), words('actions')]}
        rows={places}
        keyOf={(one) => one.id}
        none=""
        testid="sessions"
        rowTestid="session-row"
        cells={(one) => [
          <div title={one.agent}><strong>{device(one.agent)}</strong>{one.here && <span class="tag">{account('sessions.here')}</span>}</div>,
          <span class="mono">{one.address}</span>,
          <When at={one.created_at} />,
          <When at={one.seen_at} />,
          one.here ? null : <Button onClick={() => end(`/api/sessions/${one.id}`)} data-testid="session-end">{account('sessions.end')}</Button>,
        ]}
      />
    </Section>
  );
}

/** First the password, then the picture and a code of it, then the recovery codes. */
function SetFactor({ onClose }: { onClose: () => void }) {
  const [password, setPassword] = useState('');
  const [shown, setShown] = useState<Shown | null>(null);
  const [code, setCode] = useState('');
  const [made, setMade] = useState<{ session: Session; codes: string[] } | null>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const attempt = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      if (shown === null) setShown(await request<Shown>('POST', '/api/session/enrolment', { json: { current_password: password } }));
      else setMade(await request('PUT', '/api/session/enrolment', { json: { code } }));
    } catch (error) {
      setFailure(refusal(error, shown === null));
    } finally {
      setBusy(false);
    }
  };
  const finish = (): void => {
    if (made) begin(made.session);
    toast(account('factor.done'));
    onClose();
  };
  if (made) return <Dialog title={factor('codes.title')} onClose={finish} testid="factor-dialog"><Codes codes={made.codes} onDone={finish} /></Dialog>;
  return (
    <Dialog title={account('factor.set')} onClose={onClose} testid="factor-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" type="submit" form="factor-form" busy={busy} disabled={shown === null ? password === '' : code.trim().length < 6} data-testid="factor-next">{shown === null ? account('factor.next') : factor('enrol.submit')}</Button></>}>
      <form id="factor-form" class="form" noValidate onSubmit={(event) => void attempt(event)}>
        {failure && <Notice kind="bad" testid="factor-error">{failure}</Notice>}
        {shown === null
          ? (
            <>
              <p class="muted">{account('factor.confirm')}</p>
              <Field label={shell('own.current')}>
                {(control) => <input {...control} class="input" type="password" autocomplete="current-password" value={password} data-testid="factor-password" onInput={(event) => setPassword(event.currentTarget.value)} />}
              </Field>
            </>
          )
          : (
            <>
              <p class="muted">{account('factor.scan')}</p>
              <Picture shown={shown} />
              <Field label={factor('code')}>
                {(control) => <input {...control} class="input mono" inputMode="numeric" autocomplete="one-time-code" value={code} data-testid="factor-code" onInput={(event) => setCode(event.currentTarget.value)} />}
              </Field>
            </>
          )}
      </form>
    </Dialog>
  );
}

function refusal(error: unknown, password: boolean): string {
  if (!(error instanceof Problem)) return explain(error);
  if (error.status === 429) return shell('signIn.throttled', { seconds: error.retryAfter ?? 30 });
  if (error.status === 403) return shell('own.wrong');
  return error.status === 400 && !password ? factor('wrong') : explain(error);
}

const BROWSERS = [['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Coc_Coc', 'Cốc Cốc'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']] as const;
const SYSTEMS = [['Windows', 'Windows'], ['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Mac OS', 'macOS'], ['Linux', 'Linux']] as const;

/** A browser's own description in two words, as far as it can be told. */
export function device(agent: string): string {
  const [, browser] = BROWSERS.find(([mark]) => agent.includes(mark)) ?? [];
  const [, system] = SYSTEMS.find(([mark]) => agent.includes(mark)) ?? [];
  if (!browser) return system ?? account('sessions.unknown');
  return system ? account('agent', { browser, system }) : browser;
}
