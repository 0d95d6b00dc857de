/** The frame of the pages before one is signed in. */
import type { ComponentChildren } from 'preact';
import { chooseLanguage, session } from '../common/api';
import { language, type Language } from '../common/i18n';
import { Mark } from '../common/logo';
import { common } from '../common/strings';
import { Segmented } from '../common/ui';
import { shell } from './strings';

let picked: Language | null = null;

/** Who chose a language before signing in goes on in it, here and at the next sign-in. */
export function carryLanguage(spoken: Language | null = picked): void {
  picked = null;
  if (spoken && session.value && session.value.user.language !== spoken) void chooseLanguage(spoken).catch(() => undefined);
}

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
            onChange={(next) => void chooseLanguage((picked = next))}
          />
        </footer>
      </main>
    </div>
  );
}
