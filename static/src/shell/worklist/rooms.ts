/** Rooms that go on and that one leads: a study of the worklist can be put on their agenda. */
import { signal } from '@preact/signals';
import { get, post } from '../../common/api';
import { dateTime } from '../../common/i18n';
import { explain } from '../../common/explain';
import { toast } from '../../common/ui';
import type { Study } from './model';
import { words } from './strings';

interface Room {
  code: string;
  title: string;
  created_at: number;
}

export const led = signal<readonly Room[]>([]);

/** Asks anew; the menu that is open shows them as they come. */
export function askForRooms(): void {
  get<{ rooms: Room[] }>('/api/rooms').then((answer) => (led.value = answer.rooms), () => (led.value = []));
}

export const nameOfRoom = ({ title, created_at }: Room): string => title || dateTime(created_at);

export function addTo(room: Room, study: Study): void {
  post(`/api/rooms/${room.code}/cases`, { StudyInstanceUID: study.StudyInstanceUID, hospital: study.hospital }).then(
    () => toast(words('room.added', { room: nameOfRoom(room) })),
    (error: unknown) => toast(explain(error), 'bad'),
  );
}
