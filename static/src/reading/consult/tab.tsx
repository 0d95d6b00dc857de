/** The thread's place in the panel; its code is fetched when somebody opens it. */
import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';

const loaded = signal<FunctionComponent | null>(null);

export function ThreadTab() {
  useEffect(() => {
    if (!loaded.value) void import('./thread').then(({ Thread }) => (loaded.value = Thread), () => undefined);
  }, []);
  const View = loaded.value;
  return View ? <View /> : <div class="side-scroll" aria-busy="true" />;
}
