/** Asking for a consultation from the reading room; the dialog is fetched when somebody wants it. */
import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { may, session } from '../../common/api';
import { Toasts } from '../../common/ui';
import type { Asked } from '../../consult/ask';
import { study } from '../control/room';
import { reading } from '../strings';
import { Icon } from './icons';

const dialog = signal<FunctionComponent<{ study: Asked }> | null>(null);
const about = signal<{ readonly value: Asked | null } | null>(null);

async function ask(): Promise<void> {
  const row = study.value;
  if (!row) return;
  const { AskDialog, askedAbout } = await import('../../consult/ask');
  const modalities = [...new Set(row.series.map(({ Modality }) => Modality ?? '').filter(Boolean))];
  askedAbout.value = { ...row, StudyDescription: row.StudyDescription ?? '', StudyDate: row.StudyDate ?? '', modalities };
  dialog.value = AskDialog;
  about.value = askedAbout;
}

export function AskButton() {
  const own = session.value?.hospitals.some(({ code }) => code === study.value?.hospital);
  if (!may('consult.ask') || !own) return null;
  return (
    <button type="button" class="tool tool-text" title={reading('ask')} data-testid="reading-consult" onMouseDown={(event) => event.preventDefault()} onClick={() => void ask()}>
      <Icon name="consult" /><span>{reading('consult')}</span>
    </button>
  );
}

export function AskLayer() {
  const View = dialog.value;
  const asked = about.value?.value;
  return <>{View && asked && <View study={asked} />}<Toasts /></>;
}
