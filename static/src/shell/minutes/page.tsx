/** The minutes of a consultation: a draft that both sides write, then what was signed, and addenda. */
import './minutes.css';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { get, Problem, request } from '../../common/api';
import { explain } from '../../common/explain';
import { dateTime } from '../../common/i18n';
import { Icon } from '../../common/icons';
import { Button, Notice, toast } from '../../common/ui';
import { signable, type Body, type Minutes, type Side } from './api';
import { Draft } from './draft';
import { AddDialog, SignDialog } from './sign';
import { minutes as say } from './strings';
import { Written } from './written';

export function MinutesPage({ code }: { code: string }) {
  const [told, setTold] = useState<Minutes | null>(null);
  const [body, setBody] = useState<Body | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [signing, setSigning] = useState<number | null>(null);
  const [adding, setAdding] = useState(false);
  const path = `/api/consults/${code}/minutes`;
  const take = useCallback((found: Minutes): void => {
    setTold(found);
    setBody(found.body);
    setFailure(null);
  }, []);
  const load = useCallback((): void => void get<Minutes>(path).then(take, (error: unknown) => setFailure(explain(error))), [path]);
  useEffect(load, [load]);
  if (!told || !body) return <main class="message">{failure ? <p>{failure}</p> : null}</main>;
  const hidden = told.anonymise && !told.may.sides.includes('from');
  const changed = !told.frozen && (told.version === 0 || JSON.stringify(body) !== JSON.stringify(told.body));
  const save = async (): Promise<Minutes | null> => {
    setBusy(true);
    try {
      const kept = await request<Minutes>('PUT', path, { json: { version: told.version, body } });
      take(kept);
      toast(say('saved'));
      return kept;
    } catch (error) {
      setFailure(refusal(error));
      return null;
    } finally {
      setBusy(false);
    }
  };
  const begin = async (part: number): Promise<void> => {
    if (part === 0 && changed && !(await save())) return;
    setSigning(part);
  };
  return (
    <main class="minutes-page" data-testid="minutes">
      <header class="minutes-head">
        <div>
          <a class="minutes-back" href={`#/consult/concluded/${code}`}><Icon name="back" size={14} /> {say('back')}</a>
          <h1>{say('title')}{told.number && <span class="muted"> · {say('number', { number: told.number })}</span>}</h1>
          <p class="muted" data-testid="minutes-state">{told.frozen ? say('frozen') : told.version === 0 ? say('draft.none') : say('draft')} · {told.hospital} · {told.other}</p>
        </div>
        <div class="minutes-acts">
          {told.version > 0 && <a class="btn btn-plain" href={`${path}.pdf`} target="_blank" rel="noreferrer" data-testid="minutes-pdf"><Icon name="arrowDown" /><span>{say('pdf')}</span></a>}
          {!told.frozen && <Button busy={busy} disabled={!changed} onClick={() => void save()} data-testid="minutes-save">{say('save')}</Button>}
          {signable(told, 0) && told.may.second_factor && <Button kind="primary" icon="edit" disabled={busy || body.conclusion.trim() === ''} onClick={() => void begin(0)} data-testid="minutes-sign">{say('sign')}</Button>}
        </div>
      </header>
      {failure && <Notice kind="bad" testid="minutes-failure">{failure}</Notice>}
      {!told.may.sign && <Notice kind="info">{say('sign.later')}</Notice>}
      {told.may.sign && !told.may.second_factor && <Notice kind="warn" testid="minutes-factor"><a href="#/account">{say('sign.factor')}</a></Notice>}
      {told.frozen ? <Written body={body} hidden={hidden} /> : <Draft body={body} hidden={hidden} onChange={setBody} />}
      <section class="minutes-section" data-testid="minutes-signatures">
        <h2>{say('signatures')}</h2>
        <Signatures told={told} part={0} />
        <p class="muted">{say('filed')}</p>
        {told.frozen && <p class="muted minutes-hash">{say('hash')}: <span class="mono">{told.sha256}</span></p>}
      </section>
      {told.frozen && (
        <section class="minutes-section">
          <h2>{say('addenda')}</h2>
          {told.addenda.map((one) => (
            <article key={one.number} class="minutes-addendum" data-testid="addendum">
              <h3>{say('addendum', { number: one.number })} <span class="muted">· {dateTime(one.at)}</span></h3>
              <p class="wrap">{one.text}</p>
              <Signatures told={told} part={one.number} />
              <p class="muted minutes-hash">{say('hash')}: <span class="mono">{one.sha256}</span></p>
              {signable(told, one.number) && told.may.second_factor && <Button icon="edit" onClick={() => void begin(one.number)}>{say('sign.addendum', { number: one.number })}</Button>}
            </article>
          ))}
          {told.may.second_factor && <Button icon="plus" onClick={() => setAdding(true)} data-testid="addendum-add">{say('addendum.add')}</Button>}
        </section>
      )}
      {signing !== null && <SignDialog told={told} part={signing} path={path} onClose={() => setSigning(null)} onDone={take} onStale={load} />}
      {adding && <AddDialog path={path} onClose={() => setAdding(false)} onDone={take} />}
    </main>
  );
}

function Signatures({ told, part }: { told: Minutes; part: number }) {
  return (
    <div class="minutes-signed">
      {(['from', 'to'] as const satisfies readonly Side[]).map((side) => {
        const found = told.signatures.find((one) => one.part === part && one.side === side);
        return (
          <div key={side} class={found ? 'minutes-signature done' : 'minutes-signature'}>
            <span class="muted">{say(`side.${side}`)} · {side === 'from' ? told.hospital : told.other}</span>
            {found
              ? <><strong>{found.name}</strong><span>{found.title}</span><span class="muted">{dateTime(found.at)}</span></>
              : <span>{say('unsigned')}</span>}
          </div>
        );
      })}
    </div>
  );
}

/** What a 4xx says of letters that cannot be printed, and of a draft of the other side. */
export function refusal(error: unknown): string {
  if (!(error instanceof Problem)) return explain(error);
  const letters = /U\+[0-9A-F]+(?: U\+[0-9A-F]+)*/.exec(error.message);
  if (error.status === 400 && letters) {
    return say('letters', { letters: letters[0].split(' ').map((one) => `${String.fromCodePoint(parseInt(one.slice(2), 16))} (${one})`).join(', ') });
  }
  return error.status === 409 ? say('changed') : explain(error);
}
