/** Signing out with work that the server has not acknowledged: sent first, else kept or discarded as the person says. */
import { signal } from '@preact/signals';
import { signOut } from '../common/api';
import { explain } from '../common/explain';
import { discard, settled, unsent } from '../common/outbox';
import { common } from '../common/strings';
import { Button, Dialog, Notice, toast } from '../common/ui';
import { shell } from './strings';

/** How long a sign-out waits for what is unsent. */
const PATIENCE = 2500;
const asked = signal(false);

export async function leave(): Promise<void> {
  if (unsent.value.length && !(await settled(PATIENCE))) asked.value = true;
  else await out();
}

async function out(): Promise<void> {
  asked.value = false;
  await signOut().catch((error: unknown) => toast(explain(error), 'bad'));
}

export function Leaving() {
  const count = unsent.value.length;
  if (!asked.value) return null;
  const drop = (): void => {
    unsent.value.forEach((one) => discard(one.id));
    void out();
  };
  return (
    <Dialog title={shell('leaving.title')} onClose={() => (asked.value = false)} testid="leaving" footer={
      <>
        <Button onClick={() => (asked.value = false)}>{common('cancel')}</Button>
        <Button kind="danger" onClick={drop} data-testid="leaving-discard">{shell('leaving.discard')}</Button>
        <Button kind="primary" onClick={() => void out()} data-testid="leaving-keep">{shell('leaving.keep')}</Button>
      </>
    }>
      <Notice kind="warn">{shell('leaving.text', { count })}</Notice>
      <p class="muted">{shell('leaving.hint')}</p>
    </Dialog>
  );
}
