/** Deadlines: how much time is left, in words and as a mark that is not only colour. */
import { clock, dateTime, locale } from '../common/i18n';
import { Icon } from '../common/icons';
import type { Card } from './api';
import { say } from './strings';

const MINUTE = 60_000;

/** A span as people say it: `45 phút`, `3 giờ`, `2 ngày`. */
export function span(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / MINUTE));
  if (minutes < 1) return say('span.moment');
  if (minutes < 90) return say('ask.minutes', { count: minutes });
  const hours = Math.round(minutes / 60);
  return hours < 48 ? say('ask.hours', { count: hours }) : say('ask.days', { count: Math.round(hours / 24) });
}

/** A moment, with its day only when it is another one: `11:45`, `28/11 08:00`. */
export function moment(ms: number): string {
  const time = new Intl.DateTimeFormat(locale(), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms);
  if (new Date(ms).toDateString() === new Date(clock.value).toDateString()) return time;
  const day = new Date(ms);
  return `${String(day.getDate()).padStart(2, '0')}/${String(day.getMonth() + 1).padStart(2, '0')} ${time}`;
}

/** The clock of a consultation: time left while an answer is due, then how long it took. */
export function Due({ card }: { card: Card }) {
  const over = card.state === 'closed' || card.state === 'withdrawn' || card.state === 'concluded';
  if (card.answered_at !== null) return <span class="due due-done"><Icon name="check" size={13} />{say('answered.in', { time: span(card.answered_at - card.created_at) })}</span>;
  if (over) return null;
  const left = card.due_at - clock.value;
  const kind = left < 0 ? 'over' : left < Math.min(60 * MINUTE, (card.due_at - card.created_at) / 4) ? 'soon' : 'calm';
  return (
    <span class={`due due-${kind}`} title={say('due.title', { when: dateTime(card.due_at) })} data-testid="due">
      <Icon name={kind === 'calm' ? 'clock' : 'warning'} size={13} />
      {left < 0 ? say('due.over', { time: span(-left) }) : say('due.left', { time: span(left) })}
    </span>
  );
}
