/** The hospitals of this installation. */
import { useState } from 'preact/hooks';
import { patch, post, Problem } from '../../common/api';
import { common } from '../../common/strings';
import { Button, Dialog, Field, Notice, toast } from '../../common/ui';
import { access } from './access-strings';
import { refusal, Rows, Section, useLoaded } from './parts';
import { words } from './strings';

interface Hospital {
  code: string;
  name: string;
  users: number;
  peers: number;
}

export function Hospitals() {
  const list = useLoaded<{ hospitals: Hospital[] }>('/api/admin/hospitals');
  const [adding, setAdding] = useState(false);
  const [renaming, setRenaming] = useState<Hospital | null>(null);
  return (
    <Section title={access('hospitals')} text={access('hospitals.text')} failure={list.failure} reload={list.reload}
      action={<Button kind="primary" icon="plus" onClick={() => setAdding(true)} data-testid="hospital-add">{access('hospitals.add')}</Button>}>
      <Rows
        heads={[access('hospitals.name'), access('hospitals.code'), access('hospitals.users'), access('hospitals.peers'), words('actions')]}
        rows={list.data?.hospitals ?? null}
        keyOf={(one) => one.code}
        none=""
        testid="hospitals"
        rowTestid="hospital-row"
        cells={(one) => [
          <strong>{one.name || one.code}</strong>,
          <span class="mono">{one.code}</span>,
          one.users,
          one.peers,
          <Button icon="edit" onClick={() => setRenaming(one)} data-testid="hospital-rename">{access('hospitals.rename')}</Button>,
        ]}
      />
      {adding && <Edit onClose={() => setAdding(false)} onSaved={list.reload} />}
      {renaming && <Edit hospital={renaming} onClose={() => setRenaming(null)} onSaved={list.reload} />}
    </Section>
  );
}

/** A new hospital, or another name for one. */
function Edit({ hospital, onClose, onSaved }: { hospital?: Hospital; onClose: () => void; onSaved: () => void }) {
  const [code, setCode] = useState(hospital?.code ?? '');
  const [name, setName] = useState(hospital?.name ?? '');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const ready = code.trim() !== '' && name.trim() !== '';
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    try {
      if (hospital) await patch(`/api/admin/hospitals/${hospital.code}`, { name: name.trim() });
      else await post('/api/admin/hospitals', { code: code.trim(), name: name.trim() });
      toast(access('hospitals.saved', { name: name.trim() }));
      onSaved();
      onClose();
    } catch (error) {
      setFailure(said(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={hospital ? access('hospitals.rename.title', { name: hospital.name || hospital.code }) : access('hospitals.add')} onClose={onClose} testid="hospital-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" type="submit" form="hospital-form" busy={busy} disabled={!ready} data-testid="hospital-save">{common('save')}</Button></>}>
      <form id="hospital-form" class="form" noValidate onSubmit={(event) => void save(event)}>
        {failure && <Notice kind="bad">{failure}</Notice>}
        <Field label={access('hospitals.name')}>
          {(control) => <input {...control} class="input" maxLength={128} value={name} data-testid="hospital-name" onInput={(event) => setName(event.currentTarget.value)} />}
        </Field>
        {!hospital && (
          <Field label={access('hospitals.code')} hint={access('hospitals.code.hint')}>
            {(control) => <input {...control} class="input mono" maxLength={32} autocapitalize="none" spellcheck={false} value={code} data-testid="hospital-code" onInput={(event) => setCode(event.currentTarget.value)} />}
          </Field>
        )}
      </form>
    </Dialog>
  );
}

function said(error: unknown): string {
  if (error instanceof Problem && error.status === 409) return access('hospitals.taken');
  if (error instanceof Problem && error.status === 400) return access('hospitals.bad');
  return refusal(error);
}
