/** What a person has to look at: contradictions, and bytes that are no DICOM objects. */
import { bytes } from '../../common/i18n';
import { personName } from '../../common/dicom-text';
import { Rows, Section, useLoaded, When } from './parts';
import { reasonText } from '../import/reasons';
import { words } from './strings';

interface Arrival {
  id: number;
  size: number;
  door: string;
  source: string;
  address: string;
  at: number;
}

interface Conflict extends Arrival {
  kind: string;
  study_instance_uid: string;
  sop_instance_uid: string;
  patient_id: string;
  patient_name: string;
  resolved: boolean;
}

interface Quarantined extends Arrival {
  sha256: string;
  reason: string;
}

const from = (one: Arrival) => (
  <div><span class="mono">{one.source || doorName(one.door)}</span><div class="muted">{[doorName(one.door), one.address].filter(Boolean).join(' · ')}</div></div>
);

function doorName(door: string): string {
  const key = `door.${door}`;
  return key in words.vi ? words(key as keyof typeof words.vi & `door.${string}`) : door;
}

export function Conflicts() {
  const list = useLoaded<{ conflicts: Conflict[] }>('/api/admin/conflicts');
  return (
    <Section title={words('conflicts')} text={words('conflicts.text')} failure={list.failure} reload={list.reload}>
      <Rows
        heads={[words('conflicts.kind'), words('conflicts.patient'), words('conflicts.study'), words('conflicts.from'), words('conflicts.at')]}
        rows={list.data?.conflicts ?? null}
        keyOf={(one) => one.id}
        none={words('conflicts.none')}
        testid="conflicts"
        rowTestid="conflict-row"
        cells={(one) => [
          <div>{one.kind === 'instance' || one.kind === 'patient' ? words(`conflicts.kind.${one.kind}`) : one.kind}{one.resolved && <span class="tag">{words('conflicts.resolved')}</span>}</div>,
          <div>{personName(one.patient_name) || '–'}<div class="muted">{one.patient_id}</div></div>,
          <div><a href={`/read/${one.study_instance_uid}`}>{words('conflicts.open')}</a><div class="muted mono uid" title={one.sop_instance_uid}>{one.sop_instance_uid}</div></div>,
          from(one),
          <When at={one.at} />,
        ]}
      />
    </Section>
  );
}

export function Quarantine() {
  const list = useLoaded<{ quarantine: Quarantined[] }>('/api/admin/quarantine');
  return (
    <Section title={words('quarantine')} text={words('quarantine.text')} failure={list.failure} reload={list.reload}>
      <Rows
        heads={[words('reason'), words('size'), words('conflicts.from'), words('conflicts.at'), 'SHA-256']}
        rows={list.data?.quarantine ?? null}
        keyOf={(one) => one.id}
        none={words('quarantine.none')}
        testid="quarantine"
        rowTestid="quarantine-row"
        cells={(one) => [
          <span class="wrap">{reasonText(one.reason)}</span>,
          bytes(one.size),
          from(one),
          <When at={one.at} />,
          <span class="mono muted uid" title={one.sha256}>{one.sha256.slice(0, 12)}…</span>,
        ]}
      />
    </Section>
  );
}
