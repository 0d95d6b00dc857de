/** What rotted or is gone, and what peers asked us to answer for (storage commitment). */
import { number } from '../../common/i18n';
import { Rows, Section, useLoaded, When } from './parts';
import { kept } from './integrity-strings';

interface Damage {
  object_key: string;
  kind: string;
  study_instance_uid: string;
  sop_instance_uid: string;
  found_at: number;
}

interface Commitment {
  id: number;
  ae_title: string;
  transaction_uid: string;
  instances: number;
  failed: number;
  state: string;
  requested_at: number;
  tries: number;
  error: string;
}

export function Integrity() {
  const { data, failure, reload } = useLoaded<{ damaged: Damage[]; commitments: Commitment[] }>('/api/admin/integrity');
  return (
    <>
      <Section level={2} title={kept('damage')} text={kept('damage.text')} failure={failure} reload={reload}>
        <Rows
          heads={[kept('damage.object'), kept('damage.kind'), kept('damage.found')]}
          rows={data?.damaged ?? null}
          keyOf={(one) => one.object_key}
          none={kept('damage.none')}
          testid="damaged" rowTestid="damaged-object"
          cells={(one) => [
            <span class="wrap" title={one.object_key}>{one.sop_instance_uid || one.object_key}</span>,
            kept(one.kind === 'missing' ? 'damage.missing' : 'damage.corrupt'),
            <When at={one.found_at} />,
          ]}
        />
      </Section>
      <Section level={2} title={kept('commitment')} text={kept('commitment.text')} failure={null} reload={reload}>
        <Rows
          heads={[kept('commitment.peer'), kept('commitment.instances'), kept('commitment.failed'), kept('commitment.state'), kept('commitment.at')]}
          rows={data?.commitments ?? null}
          keyOf={(one) => one.id}
          none={kept('commitment.none')}
          testid="commitments" rowTestid="commitment"
          cells={(one) => [
            <span title={one.transaction_uid}>{one.ae_title}</span>,
            number(one.instances),
            number(one.failed),
            <span class="wrap">{stateOf(one)}</span>,
            <When at={one.requested_at} />,
          ]}
        />
      </Section>
    </>
  );
}

function stateOf({ state, tries, error }: Commitment): string {
  const known = { requested: 'commitment.requested', checked: 'commitment.checked', reported: 'commitment.reported', 'given up': 'commitment.given-up' } as const;
  const text = state in known ? kept(known[state as keyof typeof known]) : state;
  return error ? `${text} · ${kept('commitment.tries', { count: tries })} · ${error}` : text;
}
