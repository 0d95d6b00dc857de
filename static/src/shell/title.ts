/** What stands in the tab before the name of the place: the page within it. */
import { useEffect } from 'preact/hooks';
import { signal } from '@preact/signals';

export const within = signal('');

/** Names the page for as long as it is shown. Never a patient. */
export function useWithin(name: string): void {
  useEffect(() => {
    within.value = name;
    return () => {
      within.value = '';
    };
  }, [name]);
}
