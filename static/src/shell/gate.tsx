/** The frame of the pages before one is signed in. */
import type { ComponentChildren } from 'preact';
import { chooseLanguage } from '../common/api';
import { language } from '../common/i18n';
import { Mark } from '../common/logo';
import { common } from '../common/strings';
import { Segmented } from '../common/ui';
import { shell } from './strings';

export function Gate({ children }: { children: ComponentChildren }) {
  return (
    <div class="gate">
      <main class="gate-box">
        <header class="gate-head">
          <Mark size={40} />
          <div>
            <h1>{common('product')}</h1>
            <p>{common('tagline')}</p>
          </div>
        </header>
        {children}
        <footer class="gate-foot">
          <Segmented
            label={shell('language')}
            value={language.value}
            options={[
              { value: 'vi', text: 'Tiếng Việt', testid: 'language-vi' },
              { value: 'en', text: 'English', testid: 'language-en' },
            ]}
            onChange={(next) => void chooseLanguage(next)}
          />
        </footer>
      </main>
    </div>
  );
}
