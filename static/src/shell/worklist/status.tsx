import type { Status } from './model';
import { words } from './strings';

/** A status as shape and colour: a full dot, a half dot, a tick. */
export function StatusMark({ status }: { status: Status }) {
  return (
    <svg class={`status-mark status-${status}`} width="12" height="12" viewBox="0 0 12 12" aria-hidden="true" focusable="false">
      {status === 'unread' && <circle cx="6" cy="6" r="4.5" fill="currentColor" />}
      {status === 'reading' && (
        <>
          <circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" stroke-width="1.5" />
          <path d="M6 1.500a4.500 4.500 0 0 1 0 9Z" fill="currentColor" />
        </>
      )}
      {status === 'read' && <path d="M1.800 6.400 4.700 9.200 10.200 2.900" fill="none" stroke="currentColor" stroke-width="1.700" stroke-linecap="round" stroke-linejoin="round" />}
    </svg>
  );
}

export const statusName = (status: Status): string => words(`status.${status}`);
