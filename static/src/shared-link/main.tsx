/** The page of a share link: for somebody without an account, often far away and on a phone. */
import '../common/theme.css';
import '../common/ui.css';
import '../common/over.css';
import './landing.css';
import './lite.css';
import { effect } from '@preact/signals';
import { render } from 'preact';
import { language, setLanguage } from '../common/i18n';
import { theme } from '../common/theme';
import { App } from './app';
import { begin } from './guest';
import { say } from './strings';

// Who comes by a link has chosen no language yet: the browser says which one it speaks.
if (!localStorage.getItem('hoichan.language')) setLanguage(navigator.language.toLowerCase().startsWith('vi') ? 'vi' : 'en');
// Nor a theme: that of the device, and it is not remembered as if it had been chosen here.
if (!localStorage.getItem('hoichan.theme') && matchMedia('(prefers-color-scheme: light)').matches) theme.value = 'light';
effect(() => {
  void language.value;
  document.title = say('title');
});
void begin();
const root = document.getElementById('app');
if (root) render(<App />, root);
