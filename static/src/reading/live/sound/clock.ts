/** The room's clock in this browser. What arrives was told at most a moment ago, so the newest reckoning of the server's
 * clock is the best one heard; our own clock counts on from there and may be set meanwhile. */
import { onMessage } from '../room';

const own = (): number => performance.timeOrigin + performance.now();
let ahead: number | null = null;

/** UTC milliseconds as the server has them. */
export const clock = (): number => Math.round(own() + (ahead ?? 0));

/** Listens from now on. */
export function setClock(): void {
  onMessage((message) => {
    const told = message.t === 'welcome' ? Number(message['now']) : message.t === 'event' ? Number(message['at']) : NaN;
    if (!Number.isFinite(told)) return;
    const next = told - own();
    ahead = message.t === 'welcome' || ahead === null ? next : Math.max(ahead, next);
  });
}
