/** The reading room. The page stands before the viewer's chunk is here. */
import '../common/theme.css';
import './styles/room.css';
import './styles/tools.css';
import './styles/series.css';
import './styles/viewports.css';
import './styles/help.css';
import './styles/narrow.css';
import { render } from 'preact';
import { get } from '../common/api';
import { App } from './app';
import { failure } from './control/room';
import { roomInAddress } from './slots';
import { exposeState } from './state';
import { trustOwnScripts } from './trusted';

trustOwnScripts();
exposeState();
const root = document.getElementById('app');
if (location.pathname === '/read/-' && roomInAddress()) void invited();
else if (root) render(<App />, root);

/** An invitation names a room and no study: the page of the case that the room is looking at, as its guest knows it. */
async function invited(): Promise<void> {
  try {
    const room = await get<{ step: number; cases: { position: number; StudyInstanceUID: string | null }[] }>(`/api/rooms/${roomInAddress()}`);
    const seen = room.cases.filter((one) => one.StudyInstanceUID);
    const at = seen.find((one) => one.position === room.step) ?? seen[0];
    location.replace(`/read/${at?.StudyInstanceUID ?? '0'}${location.hash}`);
  } catch (error) {
    failure.value = error;
    if (root) render(<App />, root);
  }
}
