/** Who was turned away at the DICOM door, why, and what to do about it. */
import { del } from '../../common/api';
import { explain } from '../../common/explain';
import { Button, IconButton, toast } from '../../common/ui';
import { type Loaded, Rows, Section, When } from './parts';
import { words } from './strings';

export interface Refusal {
  ae_title: string;
  called_ae_title: string;
  address: string;
  reason: string;
  count: number;
  first_at: number;
  last_at: number;
  certificate: string;
  can_be_added: boolean;
}

export const forget = (one: Refusal): Promise<unknown> =>
  del('/api/admin/refusals', { ae_title: one.ae_title, address: one.address, reason: one.reason });

/** A fingerprint as people compare it: in pairs. */
export const pairs = (fingerprint: string): string => fingerprint.replace(/(..)(?=.)/g, '$1:').toUpperCase();

export function Refusals({ list, known, onAdmit }: { list: Loaded<{ refusals: Refusal[] }>; known: (ae: string) => boolean; onAdmit: (one: Refusal) => void }) {
  if (!list.data?.refusals.length) return null;
  return (
    <Section title={words('refused')} text={words('refused.text')} level={3} testid="refused">
      <Rows
        heads={[words('ae'), words('host'), words('reason'), words('last'), words('actions')]}
        rows={list.data.refusals}
        keyOf={(one) => `${one.ae_title} ${one.called_ae_title} ${one.address} ${one.reason}`}
        none=""
        rowTestid="refused-row"
        cells={(one) => [
          one.ae_title ? <strong class="mono">{one.ae_title}</strong> : <span class="muted">{words('refused.nameless')}</span>,
          <span class="mono">{one.address}</span>,
          <div>
            {reasonText(one.reason)}
            {one.called_ae_title && <div class="muted">{words('refused.called')}: <span class="mono">{one.called_ae_title}</span></div>}
            {one.certificate && <div class="muted fingerprint" title={pairs(one.certificate)}>{words('refused.certificate')}: <span class="mono">{pairs(one.certificate.slice(0, 16))}…</span></div>}
          </div>,
          <div><When at={one.last_at} /><div class="muted">{words('refused.count', { count: one.count })}</div></div>,
          <div class="row-actions">
            {one.can_be_added && (
              <Button icon={known(one.ae_title) ? 'edit' : 'plus'} data-testid="refused-add" onClick={() => onAdmit(one)}>{words(known(one.ae_title) ? 'refused.change' : 'refused.add')}</Button>
            )}
            <IconButton icon="close" label={words('refused.forget')} data-testid="refused-forget"
              onClick={() => void forget(one).then(list.reload, (error: unknown) => toast(explain(error), 'bad'))} />
          </div>,
        ]}
      />
    </Section>
  );
}

type Reason = Extract<Parameters<typeof words>[0], `reason.${string}`>;

/** The reasons the listener gives (pacs/dimse/reasons.py); one it does not know is shown as given. */
const REASONS: Record<string, Reason> = {
  'called AE title is not ours': 'reason.called',
  'calling AE title is not a peer': 'reason.unknown',
  'the peer does not call from this address': 'reason.address',
  'the certificate is not the one of this peer': 'reason.certificate',
  'the peer must call over TLS with its certificate': 'reason.mustTls',
  'application context is not DICOM': 'reason.context',
  'protocol version is not supported': 'reason.version',
  'too many associations': 'reason.busy',
  'the peer has too many associations': 'reason.busyPeer',
  'does not speak DICOM': 'reason.notDicom',
  'speaks HTTP, not DICOM': 'reason.http',
  'speaks TLS on the port without TLS': 'reason.tlsOnPlain',
  'no association request in time': 'reason.silent',
  'an association request that cannot be read': 'reason.unreadable',
  'too many connections at once': 'reason.crowd',
  'TLS: speaks without TLS on the TLS port': 'reason.plainOnTls',
  'TLS: no client certificate': 'reason.noCertificate',
  'TLS: certificate of an unknown authority': 'reason.untrusted',
  'TLS: certificate has expired or is not valid yet': 'reason.expired',
  'TLS: the caller does not trust our certificate': 'reason.notTrusted',
  'TLS: no version or cipher suite in common': 'reason.noCommon',
  'TLS: the handshake failed': 'reason.handshake',
  'aborted: an object over the limit': 'reason.tooLarge',
  'aborted: too slow': 'reason.tooSlow',
  'aborted: broke the protocol': 'reason.protocol',
};

function reasonText(reason: string): string {
  const key = REASONS[reason];
  return key ? words(key) : reason;
}
