/** Why a caller was not let in, in the language of the page. */
import { words } from './strings';

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

export function reasonText(reason: string): string {
  const key = REASONS[reason];
  return key ? words(key) : reason;
}
