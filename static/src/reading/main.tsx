/** The reading room. The page stands before the viewer's chunk is here. */
import '../common/theme.css';
import './styles/room.css';
import './styles/tools.css';
import './styles/series.css';
import './styles/viewports.css';
import './styles/help.css';
import './styles/narrow.css';
import { render } from 'preact';
import { App } from './app';
import { failure } from './control/room';
import { roomInAddress } from './slots';
import { exposeState } from './state';
import { trustOwnScripts } from './trusted';

trustOwnScripts();
exposeState();
const root = document.getElementById('app');
const shown = (): void => void (root && render(<App />, root));
if (location.pathname === '/read/-' && roomInAddress()) {
  import('./invited').then(({ invited }) => invited()).catch((error: unknown) => {
    failure.value = error;
    shown();
  });
} else shown();
