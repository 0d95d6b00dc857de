/** Where code that comes later puts itself into the page: the live room loads after the first image, or when asked for. */
import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';

export interface Live {
  /** Beside the images. */
  Panel: FunctionComponent;
  /** Over the image of one viewport. */
  Marks: FunctionComponent<{ index: number }>;
  /** Over one of the three planes. */
  Plane: FunctionComponent<{ which: 0 | 1 | 2 }>;
}

export const live = signal<Live | null>(null);
export const liveOpen = signal(false);
/** Somebody is in a room in this window, or replays one: how many messages are unread. */
export const liveUnread = signal<number | null>(null);

let loading: Promise<void> | null = null;

/** Loads the live room, once. */
export function loadLive(): Promise<void> {
  loading ??= import('./live').then((module) => {
    live.value = module.live;
  });
  loading.catch(() => (loading = null));
  return loading;
}

/** A room is named in the address: `#room=code`. */
export const roomInAddress = (): string => /#(?:room|replay)=([\w-]+)/.exec(location.hash)?.[1] ?? '';
