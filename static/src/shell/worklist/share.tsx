/** Sharing a study by link; the dialog is code of its own, fetched when somebody wants it. */
import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import { explain } from '../../common/explain';
import { toast } from '../../common/ui';
import type { Shared } from '../../sharing/dialog';
import type { Study } from './model';

/** The study somebody wants to share. */
export const toShare = signal<Study | null>(null);

const dialog = signal<FunctionComponent<{ study: Shared; onClose: () => void }> | null>(null);

export function Share({ study }: { study: Study }) {
  const close = (): void => void (toShare.value = null);
  useEffect(() => {
    import('../../sharing/dialog').then(
      (module) => (dialog.value = module.ShareDialog),
      (error: unknown) => {
        toast(explain(error), 'bad');
        close();
      },
    );
  }, []);
  const View = dialog.value;
  return View && <View study={study} onClose={close} />;
}
