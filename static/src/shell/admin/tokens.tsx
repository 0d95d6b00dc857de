/** Tokens for programs. */
import { useState } from 'preact/hooks';
import { del, post, session } from '../../common/api';
import { common } from '../../common/strings';
import { Button, CopyLine, Dialog, Field, Notice } from '../../common/ui';
import { Confirm, refusal, Rows, Section, useLoaded, When } from './parts';
import { words } from './strings';

interface Token {
  id: number;
  name: string;
  scope: string;
  hospital: string;
  created_at: number;
  used_at: number | null;
  revoked: boolean;
}

export function Tokens() {
  const list = useLoaded<{ tokens: Token[] }>('/api/admin/tokens');
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  return (
    <Section title={words('tokens')} text={words('tokens.text')} failure={list.failure} reload={list.reload}
      action={<Button kind="primary" icon="plus" onClick={() => setAdding(true)} data-testid="token-add">{words('tokens.add')}</Button>}>
      <Rows
        heads={[words('tokens.name'), words('tokens.scope'), words('tokens.created'), words('tokens.used'), words('actions')]}
        rows={list.data?.tokens ?? null}
        keyOf={(token) => token.id}
        none={words('tokens.none')}
        testid="tokens"
        rowTestid="token-row"
        cells={(token) => [
          <strong>{token.name}</strong>,
          token.scope === 'dicomweb' ? words('tokens.scope.dicomweb') : token.scope,
          <When at={token.created_at} />,
          <When at={token.used_at} />,
          token.revoked
            ? <span class="state state-off">{words('tokens.revoked')}</span>
            : <Button kind="danger" onClick={() => setRevoking(token)} data-testid="token-revoke">{words('tokens.revoke')}</Button>,
        ]}
      />
      {adding && <AddToken onClose={() => setAdding(false)} onSaved={list.reload} />}
      {revoking && (
        <Confirm title={words('tokens.revoke.title', { name: revoking.name })} text={words('tokens.revoke.text')} action={words('tokens.revoke')}
          onClose={() => setRevoking(null)}
          onDo={async () => {
            await del(`/api/admin/tokens/${revoking.id}`);
            list.reload();
          }} />
      )}
    </Section>
  );
}

function AddToken({ onClose, onSaved }: { onClose: () => void; onSaved: () => void }) {
  const [name, setName] = useState('');
  const [hospital, setHospital] = useState(session.value?.hospitals[0]?.code ?? '');
  const [secret, setSecret] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const hospitals = session.value?.hospitals ?? [];
  const make = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!name.trim()) return;
    setBusy(true);
    try {
      setSecret((await post<{ secret: string }>('/api/admin/tokens', { name: name.trim(), scope: 'dicomweb', hospital })).secret);
      onSaved();
    } catch (error) {
      setFailure(refusal(error));
    } finally {
      setBusy(false);
    }
  };
  if (secret !== null) {
    return (
      <Dialog title={name} onClose={onClose} testid="token-dialog" footer={<Button kind="primary" onClick={onClose}>{common('close')}</Button>}>
        <div class="form">
          <Notice kind="warn">{words('tokens.secret')}</Notice>
          <CopyLine text={secret} testid="token-secret" />
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={words('tokens.add')} onClose={onClose} testid="token-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" type="submit" form="token-form" busy={busy} disabled={!name.trim()} data-testid="token-save">{words('tokens.add')}</Button></>}>
      <form id="token-form" class="form" noValidate onSubmit={(event) => void make(event)}>
        {failure && <Notice kind="bad">{failure}</Notice>}
        <Field label={words('tokens.name')} hint={words('tokens.name.hint')}>
          {(control) => <input {...control} class="input" maxLength={100} value={name} data-testid="token-name" onInput={(event) => setName(event.currentTarget.value)} />}
        </Field>
        {hospitals.length > 1 && (
          <Field label={words('hospital')}>
            {(control) => <select {...control} class="select" value={hospital} onChange={(event) => setHospital(event.currentTarget.value)}>{hospitals.map((one) => <option key={one.code} value={one.code}>{one.name}</option>)}</select>}
          </Field>
        )}
      </form>
    </Dialog>
  );
}
