import '../common/theme.css';
import '../common/ui.css';
import './shell.css';
import './worklist/worklist.css';
import { render } from 'preact';
import { App } from './app';
import '../common/theme';

document.documentElement.setAttribute('data-shell', '');
const root = document.getElementById('app');
if (root) render(<App />, root);
