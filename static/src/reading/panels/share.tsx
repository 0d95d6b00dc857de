/** Sharing the study by link from the reading room; the dialog is fetched when somebody wants it. */
import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { may, session } from '../../common/api';
import type { Shared } from '../../sharing/dialog';
import { study } from '../control/room';
import { reading } from '../strings';
import { Icon } from './icons';

const dialog = signal<FunctionComponent<{ study: Shared; onClose: () => void }> | null>(null);

export function ShareButton() {
  const own = session.value?.hospitals.some(({ code }) => code === study.value?.hospital);
  if (!may('link.make') || !own) return null;
  return (
    <button type="button" class="tool" title={reading('share')} aria-label={reading('share')} data-testid="reading-share" onMouseDown={(event) => event.preventDefault()}
      onClick={() => void import('../../sharing/dialog').then((module) => (dialog.value = module.ShareDialog), () => undefined)}>
      <Icon name="link" />
    </button>
  );
}

export function ShareLayer() {
  const View = dialog.value;
  const row = study.value;
  return View && row ? <View study={{ ...row, StudyDescription: row.StudyDescription ?? '' }} onClose={() => (dialog.value = null)} /> : null;
}
