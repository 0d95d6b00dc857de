/** An invitation names a room and no study: the page of the case that the room is looking at, as its guest knows it. */
import { get } from '../common/api';
import { pageOf, type Named } from '../common/at';
import { roomInAddress } from './slots';

export async function invited(): Promise<void> {
  const room = await get<{ step: number; cases: ({ position: number } & Named)[] }>(`/api/rooms/${roomInAddress()}`);
  const seen = room.cases.filter((one) => one.StudyInstanceUID);
  const to = seen.find((one) => one.position === room.step) ?? seen[0];
  location.replace(`${to ? pageOf(to) : '/read/0'}${location.hash}`);
}
