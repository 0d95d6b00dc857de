/** Whether the sound of the room may be recorded now, as its events say: somebody asks, everybody who is there answers. */
import { computed, signal } from '@preact/signals';
import { events, me, people, say, status, type Event } from '../room';

/** `asked` and `take` are numbers of events, 0: nobody asks, nothing is recorded. */
export interface Sound {
  asked: number;
  by: string;
  take: number;
  answers: ReadonlyMap<string, boolean>;
}

const NOTHING: Sound = { asked: 0, by: '', take: 0, answers: new Map() };

/** How it stands after these events, the way the server reckons. */
export function standing(list: readonly Event[]): Sound {
  let sound = NOTHING;
  for (const { kind, by, n, body } of list) {
    if (kind === 'sound' && body['on'] === true) {
      if (!sound.asked) sound = { asked: n, by, take: 0, answers: new Map([[by, true]]) };
    } else if (kind === 'consent' && sound.asked) {
      const yes = body['audio'] === true;
      sound = !yes && sound.answers.get(by) ? NOTHING : { ...sound, answers: new Map(sound.answers).set(by, yes) };
    } else if (kind === 'sounding') sound = { ...sound, take: body['on'] === true && sound.asked ? n : 0 };
    else if (kind === 'sound' || kind === 'ended' || kind === 'sound_deleted') sound = NOTHING;
  }
  return sound;
}

export const sound = computed(() => standing(events.value));
/** Cut off for so long that others may have come: nothing is recorded until we know again. */
export const stale = signal(false);

const here = computed(() => people.value.filter((one) => one.here));
export const unanswered = computed(() => here.value.filter((one) => !sound.value.answers.has(one.key)));
export const against = computed(() => here.value.filter((one) => sound.value.answers.get(one.key) === false));
export const inRoom = computed(() => status.value === 'in' || status.value === 'cut');

/** The take that is being recorded, or 0; who comes and has not agreed stops it before the server says so. */
export const running = computed(() => {
  const open = inRoom.value && !stale.value && !unanswered.value.length && !against.value.length;
  return open ? sound.value.take : 0;
});
export const mine = computed(() => sound.value.answers.get(me.value));

export const ask = (on: boolean): void => void say('sound', { on });
export const answer = (yes: boolean): void => void say('consent', { audio: yes });
