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
import { exposeState } from './state';

exposeState();
const root = document.getElementById('app');
if (root) render(<App />, root);
