/** The dialog in which a DICOM peer is entered or changed. */
import { useState } from 'preact/hooks';
import { patch, post, session } from '../../common/api';
import { common } from '../../common/strings';
import { Button, Dialog, Field, Notice, toast } from '../../common/ui';
import { refusal } from './parts';
import { words } from './strings';

type Charset = '' | 'ISO_IR 6' | 'ISO_IR 100' | 'GB18030';
const CHARSETS: readonly Charset[] = ['', 'ISO_IR 6', 'ISO_IR 100', 'GB18030'];
type Allow = 'store' | 'query' | 'retrieve';
export const ALLOWS: readonly Allow[] = ['store', 'query', 'retrieve'];

export interface Peer {
  ae_title: string;
  hospital: string;
  host: string;
  port: number | null;
  allow: Allow[];
  description: string;
  charset: Charset;
  certificate: string;
  plain: boolean;
  tls: boolean;
  min_rate: number | null;
  max_object_mb: number | null;
  max_associations: number | null;
  last_association_at: number | null;
  last_stored_at: number | null;
}

type Limit = 'min_rate' | 'max_object_mb' | 'max_associations';
export type Draft = Omit<Peer, 'port' | 'last_association_at' | 'last_stored_at' | Limit> & Record<Limit | 'port', string> & { known: boolean };

const NO_LIMITS = { certificate: '', plain: false, tls: false, min_rate: '', max_object_mb: '', max_associations: '' };
const text = (value: number | null): string => (value === null ? '' : String(value));
const limit = (value: string): number | null => (value.trim() === '' ? null : Number(value));
const isBad = (value: string, most: number): boolean => value.trim() !== '' && !(/^\d+$/.test(value.trim()) && Number(value) >= 1 && Number(value) <= most);
const hasMore = (draft: Draft): boolean => draft.tls || [draft.certificate, draft.min_rate, draft.max_object_mb, draft.max_associations].some((one) => one !== '');

export function draftOf(peer: Peer): Draft {
  return { ...peer, port: text(peer.port), min_rate: text(peer.min_rate), max_object_mb: text(peer.max_object_mb), max_associations: text(peer.max_associations), known: true };
}

export function PeerDialog({ draft, onClose, onSaved }: { draft: Draft; onClose: () => void; onSaved: (ae: string) => void }) {
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
  const certificateBad = /^([0-9a-fA-F\s:]{64,}|\s*|[^]*-----BEGIN CERTIFICATE-----[^]*)$/.test(peer.certificate) ? null : words('certificate.bad');
  const rateBad = isBad(peer.min_rate, 1_000_000);
  const sizeBad = isBad(peer.max_object_mb, 1_048_576);
  const countBad = isBad(peer.max_associations, 10_000);

  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    setTried(true);
    if (aeBad ?? hostBad ?? portBad ?? certificateBad ?? (rateBad || sizeBad || countBad)) return;
    setBusy(true);
    try {
      const json = { host: peer.host.trim(), port, allow: peer.allow, hospital: peer.hospital, description: peer.description.trim(), charset: peer.charset, certificate: peer.certificate, plain: peer.plain, tls: peer.tls, min_rate: limit(peer.min_rate), max_object_mb: limit(peer.max_object_mb), max_associations: limit(peer.max_associations) };
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
        <details class="peer-more" open={hasMore(draft)}>
          <summary data-testid="peer-more">{words('peers.more')}</summary>
          <div class="form">
            <Field label={words('certificate')} hint={words('certificate.hint')} error={tried ? certificateBad : null}>
              {(control) => <textarea {...control} class="input mono peer-certificate" rows={2} value={peer.certificate} spellcheck={false} data-testid="peer-certificate" onInput={(event) => put({ certificate: event.currentTarget.value })} />}
            </Field>
            <div class="field">
              <label class="checkbox"><input type="checkbox" checked={peer.tls} data-testid="peer-tls" onChange={(event) => put({ tls: event.currentTarget.checked })} />{words('tls')}</label>
              <label class="checkbox"><input type="checkbox" checked={peer.plain} disabled={!peer.certificate.trim()} data-testid="peer-plain" onChange={(event) => put({ plain: event.currentTarget.checked })} />{words('plain')}</label>
            </div>
            <div class="form-three">
              <Field label={words('minRate')} error={tried && rateBad ? words('limit.bad') : null}>
                {(control) => <input {...control} class="input mono" inputMode="numeric" maxLength={7} placeholder={words('limit.usual')} value={peer.min_rate} data-testid="peer-min-rate" onInput={(event) => put({ min_rate: event.currentTarget.value })} />}
              </Field>
              <Field label={words('maxObject')} error={tried && sizeBad ? words('limit.bad') : null}>
                {(control) => <input {...control} class="input mono" inputMode="numeric" maxLength={7} placeholder={words('limit.usual')} value={peer.max_object_mb} data-testid="peer-max-object" onInput={(event) => put({ max_object_mb: event.currentTarget.value })} />}
              </Field>
              <Field label={words('maxAssociations')} error={tried && countBad ? words('limit.bad') : null}>
                {(control) => <input {...control} class="input mono" inputMode="numeric" maxLength={5} placeholder={words('limit.usual')} value={peer.max_associations} data-testid="peer-max-associations" onInput={(event) => put({ max_associations: event.currentTarget.value })} />}
              </Field>
            </div>
            <p class="field-hint">{words('limit.hint')}</p>
          </div>
        </details>
      </form>
    </Dialog>
  );
}

export function blank(): Draft {
  return { ae_title: '', hospital: session.value?.hospitals[0]?.code ?? '', host: '', port: '', allow: ['store'], description: '', charset: '', known: false, ...NO_LIMITS };
}
