/** Who was turned away at the DICOM door, why, and what to do about it. */
import { del } from '../../common/api';
import { explain } from '../../common/explain';
import { Button, IconButton, toast } from '../../common/ui';
import { type Loaded, Rows, Section, When } from './parts';
import { reasonText } from './refused-why';
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
    <Section title={words('refused')} text={words('refused.text')} level={2} testid="refused">
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
