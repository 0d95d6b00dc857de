/** How urgent it is, and by when an answer is needed. */
import { clock } from '../common/i18n';
import { vocabulary, words, type Urgency } from './api';
import { say } from './strings';
import { moment, span } from './time';

export interface Pressing {
  level: Urgency;
  minutes: number;
}

const LEVELS: readonly Urgency[] = ['emergency', 'urgent', 'routine'];
const CHOICES: Record<Urgency, number[]> = {
  emergency: [15, 30, 60, 120],
  urgent: [4 * 60, 8 * 60, 24 * 60],
  routine: [48 * 60, 72 * 60, 7 * 24 * 60],
};

export function When({ value, onChange }: { value: Pressing; onChange: (next: Pressing) => void }) {
  return (
    <section class="ask-part">
      <h3>{say('ask.urgency')}</h3>
      <div class="ask-levels" role="group" aria-label={say('ask.urgency')}>
        {LEVELS.map((level) => {
          const on = level === value.level;
          const minutes = on ? value.minutes : (vocabulary.value?.urgency_minutes[level] ?? CHOICES[level][0] ?? 60);
          return (
            <button key={level} type="button" class={`ask-level ask-level-${level}`} aria-pressed={on} data-testid={`urgency-${level}`} onClick={() => onChange({ level, minutes })}>
              <strong>{words('urgencies', level)}</strong>
              <span>{say('ask.before', { when: moment(clock.value + minutes * 60_000) })}</span>
            </button>
          );
        })}
      </div>
      <div class="ask-groups" role="group" aria-label={say('ask.urgency')}>
        {CHOICES[value.level].map((minutes) => (
          <button key={minutes} type="button" aria-pressed={minutes === value.minutes} onClick={() => onChange({ ...value, minutes })}>{say('ask.in', { time: span(minutes * 60_000) })}</button>
        ))}
      </div>
    </section>
  );
}
