/** The cases of the room: who leads goes through them, adds others, and puts those to come in another order. */
import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { session } from '../../common/api';
import type { Named } from '../../common/at';
import { explain } from '../../common/explain';
import { studyLine, useStudies, type FoundStudy } from '../../common/studies-found';
import { isOpen } from '../control/room';
import { Icon } from '../panels/icons';
import { PutBeside } from './besides';
import { toCase } from './follow';
import { addCase, arrange, cases, events, mayLead, room, status, step, type Case } from './room';
import { live } from './strings';

const MOST = 6;
const keyOf = ({ hospital, StudyInstanceUID }: Named): string => `${hospital ?? ''}/${StudyInstanceUID ?? ''}`;
const adding = signal(false);

export function Agenda() {
  const leads = mayLead.value && status.value !== 'replay';
  if (cases.value.length < 2 && !leads) return null;
  return (
    <section class="live-agenda" aria-label={live('agenda')} data-testid="live-agenda">
      <h2>{live('agenda')}
        {leads && !session.value?.guest && (
          <button type="button" class="tool small" aria-pressed={adding.value} aria-label={live('caseAdd')} title={live('caseAdd')} data-testid="live-case-add" onClick={() => (adding.value = !adding.value)}>
            <Icon name="plus" size={16} />
          </button>
        )}
      </h2>
      {leads && adding.value && <Adding />}
      {cases.value.length > 0 && <ol>{cases.value.map((one, index) => <Entry key={one.position} one={one} index={index} leads={leads} />)}</ol>}
    </section>
  );
}

/** The cases that were looked at: the first one is from the beginning. */
const shown = (): Set<number> => new Set([0, room.value?.step ?? 0, ...events.value.flatMap((one) => (one.kind === 'step' ? [Number(one.body['case'])] : []))]);

function Entry({ one, index, leads }: { one: Case; index: number; leads: boolean }) {
  const here = one.position === room.value?.step;
  const open = isOpen(one);
  const move = (by: number): void => {
    const order = cases.value.map((each) => each.position);
    order.splice(index + by, 0, ...order.splice(index, 1));
    arrange(order, []);
  };
  return (
    <li aria-current={here ? 'step' : undefined} data-testid={`live-entry-${one.position}`}>
      {one.StudyInstanceUID === null
        ? <span>{live('caseHidden', { case: one.position + 1 })}</span>
        : <button type="button" class="button" disabled={!leads && open} title={leads ? live('goCase') : ''} data-testid={`live-case-${one.position}`}
            onClick={() => (leads ? step(one.position) : toCase(one))}>
            {one.label}{here && <small> · {live('caseHere')}</small>}
          </button>}
      <PutBeside one={one} />
      {leads && cases.value.length > 1 && (
        <span class="live-order">
          <Small icon="down" turned label={live('caseUp', { case: one.position + 1 })} off={index === 0} act={() => move(-1)} test={`live-up-${one.position}`} />
          <Small icon="down" label={live('caseDown', { case: one.position + 1 })} off={index === cases.value.length - 1} act={() => move(1)} test={`live-down-${one.position}`} />
          <Small icon="close" label={live('caseRemove', { case: one.position + 1 })} off={shown().has(one.position)} act={() => arrange([], [one.position])} test={`live-remove-${one.position}`} />
        </span>
      )}
    </li>
  );
}

function Small({ icon, label, off, act, test, turned = false }: { icon: 'down' | 'close'; label: string; off: boolean; act: () => void; test: string; turned?: boolean }) {
  return (
    <button type="button" class={`tool small${turned ? ' turned' : ''}`} disabled={off} aria-label={label} title={label} data-testid={test} onClick={act}><Icon name={icon} size={14} /></button>
  );
}

/** Looks for a study one may open oneself; the others see it if they may. */
function Adding() {
  const [text, setText] = useState('');
  const [refused, setRefused] = useState('');
  const { found, problem } = useStudies(text, MOST + 1);
  const there = new Set(cases.value.map(keyOf));
  const add = (row: FoundStudy): void => {
    addCase(row).then(() => (adding.value = false), (error: unknown) => setRefused(explain(error)));
  };
  const rows = found?.filter((one) => !there.has(keyOf(one))).slice(0, MOST) ?? null;
  return (
    <div class="live-adding">
      <input type="search" value={text} placeholder={live('caseSearch')} aria-label={live('caseSearch')} data-testid="live-case-search" autofocus
        onInput={(event) => setText(event.currentTarget.value)} />
      <ul data-testid="live-case-found">
        {rows?.map((one) => (
          <li key={keyOf(one)}>
            <button type="button" class="button" data-testid="live-case-take" data-study={one.StudyInstanceUID} onClick={() => add(one)}>
              {one.PatientName || one.PatientID}
              <small>{studyLine(one)}</small>
            </button>
          </li>
        ))}
      </ul>
      {rows?.length === 0 && <p class="live-note">{live('caseNone')}</p>}
      <p class="live-note">{live('caseNote')}</p>
      {(refused || problem) && <p class="live-note bad" role="alert">{refused || problem}</p>}
    </div>
  );
}
