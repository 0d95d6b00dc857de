/** Dark by default, as reading rooms are; light for offices. Remembered on this device. */
import { signal } from '@preact/signals';

export type Theme = 'dark' | 'light';

const STORED = 'hoichan.theme';

export const theme = signal<Theme>(remembered());

export function setTheme(next: Theme): void {
  theme.value = next;
  document.documentElement.dataset['theme'] = next;
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // Holds until the page is closed.
  }
}

function remembered(): Theme {
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(STORED);
  } catch {
    // Private windows.
  }
  const chosen: Theme = stored === 'light' ? 'light' : 'dark';
  document.documentElement.dataset['theme'] = chosen;
  return chosen;
}
