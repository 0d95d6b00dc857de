/** The panel beside the images: annotations, key images, and what consultations add. Code of its own, fetched after the
 * first image. */
import './side.css';
import { effect, signal } from '@preact/signals';
import type { ComponentChildren, FunctionComponent } from 'preact';
import { unsent, volatile } from '../../common/outbox';
import { late, sideOpen } from '../control/room';
import { Icon } from '../panels/icons';
import { about, begin as beginConsults, code, consulted } from '../consult/store';
import { ThreadTab } from '../consult/tab';
import { KeysPanel, keyImages } from './keys';
import { NotesPanel } from './panel';
import { begin, chosen, notes } from './store';
import { words } from './strings';

export { refresh } from './store';
export { consulted };

/** A part of the panel. */
export interface Tab {
  id: string;
  label: () => string;
  count: () => number;
  View: FunctionComponent;
}

export const tabs = signal<readonly Tab[]>([
  { id: 'notes', label: () => words('notes'), count: () => [...notes.value.values()].filter((one) => !one.deleted && one.body.points).length, View: NotesPanel },
  { id: 'keys', label: () => words('keys'), count: () => keyImages().length, View: KeysPanel },
  { id: 'consult', label: () => words('consult'), count: () => about.value?.length ?? 0, View: ThreadTab },
]);
export const tab = signal('notes');

begin();
beginConsults();
// Who comes from a consultation finds its thread open.
if (code.peek()) {
  tab.value = 'consult';
  sideOpen.value = !matchMedia('(max-width: 1100px)').matches;
}
// Whoever drew an arrow is asked for its words.
effect(() => {
  if (!chosen.value) return;
  tab.value = 'notes';
  sideOpen.value = true;
});

/** What the server has not taken within so long is told in the header too. */
const LATE = 4000;
let timer: ReturnType<typeof setTimeout> | undefined;
effect(() => {
  const list = unsent.value;
  const look = (): void => {
    late.value = unsent.value.filter((one) => Date.now() - one.at >= LATE).length;
  };
  clearTimeout(timer);
  look();
  if (list.length) timer = setTimeout(look, LATE + 100);
});

export function Side() {
  if (!sideOpen.value) return null;
  const current = tabs.value.find((one) => one.id === tab.value) ?? tabs.value[0];
  if (!current) return null;
  return (
    <aside class="side" aria-label={words('panel')} data-testid="side">
      <div class="side-tabs" role="tablist" aria-label={words('panel')}>
        {tabs.value.map((one) => (
          <button key={one.id} type="button" role="tab" aria-selected={one.id === current.id} class="side-tab" data-testid={`side-${one.id}`}
            onClick={() => (tab.value = one.id)}>
            {one.label()}{one.count() > 0 && <span class="side-count">{one.count()}</span>}
          </button>
        ))}
        <button type="button" class="tool small" aria-label={words('close')} title={words('close')} data-testid="side-close" onClick={() => (sideOpen.value = false)}>
          <Icon name="close" size={16} />
        </button>
      </div>
      <current.View />
      <Status />
    </aside>
  );
}

/** Whether all is with the server. */
function Status() {
  const count = unsent.value.length;
  const say = (icon: 'check' | 'warning', text: ComponentChildren, kind: string): ComponentChildren => (
    <p class={`side-status ${kind}`} role="status" data-testid="save-status" data-unsent={count}><Icon name={icon} size={14} />{text}</p>
  );
  if (volatile.value && count) return say('warning', words('volatile'), 'bad');
  if (!count) return say('check', words('saved'), '');
  return say('warning', words(late.value ? 'unsent' : 'sending', { count }), late.value ? 'bad' : '');
}
