/** The devices that may talk to us, and those that tried. */
import { useState } from 'preact/hooks';
import { del, patch, post, session } from '../../common/api';
import { Icon } from '../../common/icons';
import { number } from '../../common/i18n';
import { common } from '../../common/strings';
import { Button, Dialog, Field, IconButton, Notice, toast } from '../../common/ui';
import { explain } from '../../common/explain';
import { Confirm, refusal, Rows, Section, useLoaded, When } from './parts';
import { words } from './strings';
import { refusedNews } from '../worklist/store';

type Charset = '' | 'ISO_IR 6' | 'ISO_IR 100' | 'GB18030';
const CHARSETS: readonly Charset[] = ['', 'ISO_IR 6', 'ISO_IR 100', 'GB18030'];
type Allow = 'store' | 'query' | 'retrieve';
const ALLOWS: readonly Allow[] = ['store', 'query', 'retrieve'];

interface Peer {
  ae_title: string;
  hospital: string;
  host: string;
  port: number | null;
  allow: Allow[];
  description: string;
  charset: Charset;
  last_association_at: number | null;
  last_stored_at: number | null;
}

interface Refusal {
  ae_title: string;
  called_ae_title: string;
  address: string;
  reason: string;
  count: number;
  last_at: number;
}

interface Echo {
  ok: boolean;
  ms: number | null;
  detail: string;
}

type Draft = Pick<Peer, 'ae_title' | 'hospital' | 'host' | 'allow' | 'description' | 'charset'> & { port: string; known: boolean };

export function Peers() {
  const list = useLoaded<{ peers: Peer[] }>('/api/admin/peers');
  const refused = useLoaded<{ refusals: Refusal[] }>('/api/admin/refusals');
  const [draft, setDraft] = useState<Draft | null>(null);
  const [leaving, setLeaving] = useState<Peer | null>(null);
  const dicom = session.value?.dicom;
  const reload = (): void => {
    refusedNews.value = 0;
    list.reload();
    refused.reload();
  };
  const forget = (one: Refusal): void => {
    del(`/api/admin/refusals/${encodeURIComponent(one.ae_title)}`, { address: one.address }).then(refused.reload, (error: unknown) => toast(explain(error), 'bad'));
  };
  /** Who is known now is no longer refused. */
  const saved = (ae: string): void => {
    const over = (refused.data?.refusals ?? []).filter((one) => one.ae_title === ae && UNKNOWN.test(one.reason));
    void Promise.allSettled(over.map((one) => del(`/api/admin/refusals/${encodeURIComponent(one.ae_title)}`, { address: one.address }))).then(reload);
  };
  return (
    <>
      <Section title={words('peers')} text={words('peers.text')} failure={list.failure} reload={list.reload}
        action={<Button kind="primary" icon="plus" onClick={() => setDraft(blank())} data-testid="peer-add">{words('peers.add')}</Button>}>
        {dicom && <p class="own-address"><Icon name="server" />{words('peers.own', { ae: dicom.ae_title, host: dicom.host, port: String(dicom.port) })}</p>}
        <Rows
          heads={[words('ae'), words('host'), words('allow'), words('lastImage'), words('lastContact'), words('actions')]}
          rows={list.data?.peers ?? null}
          keyOf={(peer) => peer.ae_title}
          none={words('peers.none')}
          testid="peers"
          rowTestid="peer-row"
          cells={(peer) => [
            <div><strong class="mono">{peer.ae_title}</strong><div class="muted cut">{peer.description}</div></div>,
            <span class="mono">{peer.host}{peer.port ? `:${peer.port}` : ''}</span>,
            peer.allow.length ? ALLOWS.filter((one) => peer.allow.includes(one)).map((one) => words(`allow.short.${one}`)).join(', ') : <span class="muted">{words('allow.none')}</span>,
            <When at={peer.last_stored_at} />,
            <When at={peer.last_association_at} />,
            <div class="row-actions">
              <EchoButton peer={peer} onDone={list.reload} />
              <IconButton icon="edit" label={words('peers.edit', { ae: peer.ae_title })} data-testid="peer-edit" onClick={() => setDraft({ ...peer, port: peer.port ? String(peer.port) : '', known: true })} />
              <IconButton icon="trash" label={words('peers.remove')} data-testid="peer-remove" onClick={() => setLeaving(peer)} />
            </div>,
          ]}
        />
      </Section>
      {(refused.data?.refusals.length ?? 0) > 0 && (
        <Section title={words('refused')} text={words('refused.text')} level={3} testid="refused">
          <Rows
            heads={[words('ae'), words('host'), words('reason'), words('last'), words('actions')]}
            rows={refused.data?.refusals ?? null}
            keyOf={(one) => `${one.ae_title} ${one.address} ${one.reason}`}
            none=""
            rowTestid="refused-row"
            cells={(one) => [
              <strong class="mono">{one.ae_title}</strong>,
              <span class="mono">{one.address}</span>,
              <div>{reasonText(one)}<div class="muted">{words('refused.called')}: <span class="mono">{one.called_ae_title}</span></div></div>,
              <div><When at={one.last_at} /><div class="muted">{words('refused.count', { count: one.count })}</div></div>,
              <div class="row-actions">
                <Button icon="plus" data-testid="refused-add" onClick={() => setDraft({ ...blank(), ae_title: one.ae_title, host: one.address })}>{words('refused.add')}</Button>
                <IconButton icon="close" label={words('refused.forget')} onClick={() => forget(one)} />
              </div>,
            ]}
          />
        </Section>
      )}
      {draft && <PeerDialog draft={draft} onClose={() => setDraft(null)} onSaved={saved} />}
      {leaving && (
        <Confirm title={words('peers.remove.title', { ae: leaving.ae_title })} text={words('peers.remove.text')} action={words('peers.remove')}
          onClose={() => setLeaving(null)}
          onDo={async () => {
            await del(`/api/admin/peers/${encodeURIComponent(leaving.ae_title)}`);
            toast(words('peers.removed', { ae: leaving.ae_title }));
            list.reload();
          }} />
      )}
    </>
  );
}

function EchoButton({ peer, onDone }: { peer: Peer; onDone: () => void }) {
  const [busy, setBusy] = useState(false);
  const [echo, setEcho] = useState<Echo | null>(null);
  const ask = async (): Promise<void> => {
    setBusy(true);
    setEcho(null);
    try {
      setEcho(await post<Echo>(`/api/admin/peers/${encodeURIComponent(peer.ae_title)}/echo`));
      onDone();
    } catch (error) {
      setEcho({ ok: false, ms: null, detail: explain(error) });
    } finally {
      setBusy(false);
    }
  };
  return (
    <span class="echo">
      <span class="echo-place">{echo && (
        <span class={echo.ok ? 'echo-ok' : 'echo-bad'} role="status" title={echo.detail} data-testid="echo-result">
          <Icon name={echo.ok ? 'check' : 'warning'} size={14} />
          {echo.ok ? words('peers.echo.ok', { ms: number(echo.ms ?? 0, { maximumFractionDigits: 0 }) }) : words('peers.echo.bad')}
        </span>
      )}</span>
      <Button busy={busy} disabled={peer.port === null} title={peer.port === null ? words('peers.echo.noPort') : undefined} onClick={() => void ask()} data-testid="peer-echo">{words('peers.echo')}</Button>
    </span>
  );
}

function PeerDialog({ draft, onClose, onSaved }: { draft: Draft; onClose: () => void; onSaved: (ae: string) => void }) {
  const [peer, setPeer] = useState(draft);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const hospitals = session.value?.hospitals ?? [];
  const put = (some: Partial<Draft>): void => setPeer({ ...peer, ...some });
  const aeBad = /^[\x20-\x5b\x5d-\x7e]{1,16}$/.test(peer.ae_title.trim()) ? null : words('ae.bad');
  const hostBad = /^[\w.:-]+(\/\d{1,3})?$/.test(peer.host.trim()) ? null : words('host.bad');
  const port = peer.port.trim() === '' ? null : Number(peer.port);
  const portBad = port === null || (Number.isInteger(port) && port >= 1 && port <= 65535) ? null : words('port.bad');

  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    setTried(true);
    if (aeBad ?? hostBad ?? portBad) return;
    setBusy(true);
    try {
      const json = { host: peer.host.trim(), port, allow: peer.allow, hospital: peer.hospital, description: peer.description.trim(), charset: peer.charset };
      const ae = peer.ae_title.trim();
      if (peer.known) await patch(`/api/admin/peers/${encodeURIComponent(ae)}`, json);
      else await post('/api/admin/peers', { ae_title: ae, ...json });
      toast(words('peers.saved', { ae }));
      onSaved(ae);
      onClose();
    } catch (error) {
      setFailure(refusal(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={draft.known ? words('peers.edit', { ae: draft.ae_title }) : words('peers.add')} onClose={onClose} testid="peer-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" type="submit" form="peer-form" busy={busy} data-testid="peer-save">{common('save')}</Button></>}>
      <form id="peer-form" class="form" noValidate onSubmit={(event) => void save(event)}>
        {failure && <Notice kind="bad">{failure}</Notice>}
        <Field label={words('ae')} hint={words('ae.hint')} error={tried ? aeBad : null}>
          {(control) => <input {...control} class="input mono" maxLength={16} value={peer.ae_title} disabled={draft.known} spellcheck={false} data-testid="peer-ae" onInput={(event) => put({ ae_title: event.currentTarget.value })} />}
        </Field>
        <div class="form-pair">
          <Field label={words('host')} hint={words('host.hint')} error={tried ? hostBad : null}>
            {(control) => <input {...control} class="input mono" value={peer.host} spellcheck={false} data-testid="peer-host" onInput={(event) => put({ host: event.currentTarget.value })} />}
          </Field>
          <Field label={words('port')} hint={words('port.hint')} error={tried ? portBad : null}>
            {(control) => <input {...control} class="input mono" inputMode="numeric" maxLength={5} value={peer.port} data-testid="peer-port" onInput={(event) => put({ port: event.currentTarget.value })} />}
          </Field>
        </div>
        <fieldset class="field">
          <legend class="field-label">{words('allow')}</legend>
          {ALLOWS.map((one) => (
            <label key={one} class="checkbox">
              <input type="checkbox" checked={peer.allow.includes(one)} data-testid={`peer-allow-${one}`}
                onChange={(event) => put({ allow: event.currentTarget.checked ? [...peer.allow, one] : peer.allow.filter((other) => other !== one) })} />
              {words(`allow.${one}`)}
            </label>
          ))}
        </fieldset>
        {hospitals.length > 1 && (
          <Field label={words('hospital')}>
            {(control) => <select {...control} class="select" value={peer.hospital} onChange={(event) => put({ hospital: event.currentTarget.value })}>{hospitals.map((one) => <option key={one.code} value={one.code}>{one.name}</option>)}</select>}
          </Field>
        )}
        <Field label={words('charset')} hint={words('charset.hint')}>
          {(control) => <select {...control} class="select" value={peer.charset} data-testid="peer-charset" onChange={(event) => put({ charset: event.currentTarget.value as Charset })}>{CHARSETS.map((one) => <option key={one} value={one}>{words(`charset.${one || 'utf8'}`)}</option>)}</select>}
        </Field>
        <Field label={words('description')} hint={words('description.hint')}>
          {(control) => <input {...control} class="input" maxLength={200} value={peer.description} data-testid="peer-description" onInput={(event) => put({ description: event.currentTarget.value })} />}
        </Field>
      </form>
    </Dialog>
  );
}

function blank(): Draft {
  return { ae_title: '', hospital: session.value?.hospitals[0]?.code ?? '', host: '', port: '', allow: ['store'], description: '', charset: '', known: false };
}

const UNKNOWN = /calling|unknown|not known|not registered/i;

/** The reasons the listener gives, in the language of the page; one it does not know is shown as given. */
function reasonText({ reason }: Refusal): string {
  const known: [RegExp, string][] = [
    [UNKNOWN, words('reason.unknown')],
    [/address|network|host/i, words('reason.address')],
    [/called/i, words('reason.called')],
    [/limit|many|busy/i, words('reason.busy')],
  ];
  return known.find(([pattern]) => pattern.test(reason))?.[1] ?? reason;
}
