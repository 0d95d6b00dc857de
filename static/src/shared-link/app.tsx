import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect } from 'preact/hooks';
import { language, setLanguage } from '../common/i18n';
import { Icon } from '../common/icons';
import { Logo } from '../common/logo';
import { theme } from '../common/theme';
import { begin, here, phase } from './guest';
import { Door, Message } from './landing';
import { Lite } from './lite/viewer';
import { Studies } from './studies';
import { say } from './strings';

/** The study that is open in quick view. */
export const opened = signal<string | null>(null);

export function App() {
  const now = phase.value;
  useEffect(() => {
    if (now !== 'inside') opened.value = null;
  }, [now]);
  const study = here.value?.studies.find((one) => one.StudyInstanceUID === opened.value);
  const ground = now === 'inside' && study ? 'dark' : theme.value; // images are looked at in the dark
  useLayoutEffect(() => {
    document.documentElement.dataset['theme'] = ground;
  }, [ground]);
  if (now === 'inside' && study) return <Lite key={study.StudyInstanceUID} study={study} onBack={() => (opened.value = null)} />;
  return (
    <div class="page">
      <header class="page-head">
        <Logo size={28} />
        <LanguageSwitch />
      </header>
      <main class="page-main" data-testid={`phase-${now}`}>
        {now === 'asking' && <p class="page-wait" role="status"><span class="spinner" />{say('asking')}</p>}
        {now === 'form' && <Door />}
        {now === 'inside' && <Studies onOpen={(uid) => (opened.value = uid)} />}
        {now === 'over' && <Message icon="warning" title={say('over.title')} text={say('over.text')} />}
        {now === 'broken' && <Message icon="info" title={say('broken.title')} text={say('broken.text')} />}
        {now === 'left' && <Message icon="check" title={say('left.title')} text={say('left.text')} />}
        {now === 'unreachable' && <Message icon="warning" title={say('unreachable.title')} text={say('unreachable.text')} again={() => void begin()} />}
      </main>
    </div>
  );
}

export function LanguageSwitch() {
  return (
    <button type="button" class="btn btn-ghost" lang={language.value === 'vi' ? 'en' : 'vi'} aria-label={say('language.name')} data-testid="language"
      onClick={() => setLanguage(language.value === 'vi' ? 'en' : 'vi')}>
      <Icon name="globe" /><span>{say('language')}</span>
    </button>
  );
}
