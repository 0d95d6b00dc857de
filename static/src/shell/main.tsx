import '../common/theme.css';
import '../common/ui.css';
import '../common/over.css';
import './shell.css';
import './gate.css';
import './header.css';
import './worklist/list.css';
import './worklist/cards.css';
import './worklist/toolbar.css';
import './worklist/preview.css';
import './worklist/empty.css';
import './import/import.css';
import { render } from 'preact';
import { App } from './app';
import '../common/theme';

document.documentElement.setAttribute('data-shell', '');
const root = document.getElementById('app');
if (root) render(<App />, root);
