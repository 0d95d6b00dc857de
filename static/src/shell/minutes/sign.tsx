/** Signing, and adding to what is signed: each takes a code of the second factor. */
import { useState } from 'preact/hooks';
import { post, Problem } from '../../common/api';
import { language } from '../../common/i18n';
import { common } from '../../common/strings';
import { Button, Dialog, Field, Notice, toast, useAutofocus } from '../../common/ui';
import type { Minutes } from './api';
import { refusal } from './page';
import { minutes as say } from './strings';

interface Signing {
  told: Minutes;
  part: number;
  path: string;
  onClose: () => void;
  onDone: (told: Minutes) => void;
  onStale: () => void;
}

export function SignDialog({ told, part, path, onClose, onDone, onStale }: Signing) {
  const [code, setCode] = useState('');
  const sha256 = part === 0 ? told.sha256 : (told.addenda[part - 1]?.sha256 ?? '');
  const { busy, failure, attempt } = useAttempt();
  const sign = (event: Event): void => {
    event.preventDefault();
    void attempt(async () => {
      try {
        onDone(await post<Minutes>(`${path}/signature`, { part, sha256, code: code.trim() }));
      } catch (error) {
        if (error instanceof Problem && error.status === 409) onStale();
        throw error;
      }
      toast(say('sign.done'));
      onClose();
    });
  };
  return (
    <Dialog title={part === 0 ? say('sign') : say('sign.addendum', { number: part })} onClose={onClose} testid="sign-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" type="submit" form="sign-form" busy={busy} disabled={code.trim().length < 6} data-testid="sign-do">{say('sign')}</Button></>}>
      <form id="sign-form" class="form" noValidate onSubmit={sign}>
        <p class="muted">{say('sign.text')}</p>
        <p class="mono minutes-hash">{sha256}</p>
        {failure && <Notice kind="bad" testid="sign-failure">{failure}</Notice>}
        <Code value={code} onChange={setCode} />
      </form>
    </Dialog>
  );
}

export function AddDialog({ path, onClose, onDone }: { path: string; onClose: () => void; onDone: (told: Minutes) => void }) {
  const [text, setText] = useState('');
  const [code, setCode] = useState('');
  const { busy, failure, attempt } = useAttempt();
  const add = (event: Event): void => {
    event.preventDefault();
    void attempt(async () => {
      onDone(await post<Minutes>(`${path}/addenda`, { text, language: language.value, code: code.trim() }));
      toast(say('sign.done'));
      onClose();
    });
  };
  return (
    <Dialog title={say('addendum.add')} onClose={onClose} testid="addendum-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" type="submit" form="addendum-form" busy={busy} disabled={text.trim() === '' || code.trim().length < 6} data-testid="addendum-do">{common('save')}</Button></>}>
      <form id="addendum-form" class="form" noValidate onSubmit={add}>
        <p class="muted">{say('addendum.text')}</p>
        {failure && <Notice kind="bad">{failure}</Notice>}
        <Field label={say('addenda')}>
          {(control) => <textarea {...control} class="input" rows={5} value={text} data-testid="addendum-text" onInput={(event) => setText(event.currentTarget.value)} />}
        </Field>
        <Code value={code} onChange={setCode} />
      </form>
    </Dialog>
  );
}

function Code({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const first = useAutofocus<HTMLInputElement>();
  return (
    <Field label={say('sign.code')}>
      {(control) => <input {...control} ref={first} class="input mono" inputMode="numeric" autocomplete="one-time-code" value={value} data-testid="sign-code" onInput={(event) => onChange(event.currentTarget.value)} />}
    </Field>
  );
}

function useAttempt() {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const attempt = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      await what();
    } catch (error) {
      const status = error instanceof Problem ? error.status : 0;
      setFailure(status === 403 ? say('sign.wrong') : status === 409 ? say('sign.changed') : refusal(error));
    } finally {
      setBusy(false);
    }
  };
  return { busy, failure, attempt };
}
