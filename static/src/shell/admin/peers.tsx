/** The devices that may talk to us, and those that tried. */
import './peers.css';
import { useState } from 'preact/hooks';
import { del, post, session } from '../../common/api';
import { Icon } from '../../common/icons';
import { number } from '../../common/i18n';
import { Button, IconButton, toast } from '../../common/ui';
import { explain } from '../../common/explain';
import { Confirm, Rows, Section, useLoaded, When } from './parts';
import { ALLOWS, blank, type Draft, draftOf, type Peer, PeerDialog } from './peer-dialog';
import { forget, pairs, type Refusal, Refusals } from './refusals';
import { words } from './strings';
import { refusedNews } from '../worklist/store';

interface Echo {
  ok: boolean;
  ms: number | null;
  detail: string;
}

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
  /** Who is known now is no longer refused. */
  const saved = (ae: string): void => {
    const over = (refused.data?.refusals ?? []).filter((one) => one.ae_title === ae && one.can_be_added);
    void Promise.allSettled(over.map(forget)).then(reload);
  };
  const admit = (one: Refusal): void => {
    const known = list.data?.peers.find((peer) => peer.ae_title === one.ae_title);
    const certificate = one.certificate || known?.certificate || '';
    setDraft(known ? { ...draftOf(known), certificate } : { ...blank(), ae_title: one.ae_title, host: one.address, certificate });
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
            <div>
              <strong class="mono">{peer.ae_title}</strong>
              {peer.certificate && <span class="peer-lock" role="img" aria-label={words('certificate.known')} title={`${words('certificate')}: ${pairs(peer.certificate)}`}><Icon name="key" size={14} /></span>}
              <div class="muted cut">{peer.description}</div>
            </div>,
            <span class="mono">{peer.host}{peer.port ? `:${peer.port}` : ''}</span>,
            peer.allow.length ? ALLOWS.filter((one) => peer.allow.includes(one)).map((one) => words(`allow.short.${one}`)).join(', ') : <span class="muted">{words('allow.none')}</span>,
            <When at={peer.last_stored_at} />,
            <When at={peer.last_association_at} />,
            <div class="row-actions">
              <EchoButton peer={peer} onDone={list.reload} />
              <IconButton icon="edit" label={words('peers.edit', { ae: peer.ae_title })} data-testid="peer-edit" onClick={() => setDraft(draftOf(peer))} />
              <IconButton icon="trash" label={words('peers.remove')} data-testid="peer-remove" onClick={() => setLeaving(peer)} />
            </div>,
          ]}
        />
      </Section>
      <Refusals list={refused} known={(ae) => list.data?.peers.some((peer) => peer.ae_title === ae) ?? false} onAdmit={admit} />
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
