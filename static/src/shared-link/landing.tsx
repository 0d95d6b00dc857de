/** At the door: whose images these are, the PIN, who comes, and that it is recorded. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { dateTime } from '../common/i18n';
import { Icon, type IconName } from '../common/icons';
import { Button, Field, Notice } from '../common/ui';
import { enter, look } from './guest';
import { say } from './strings';

const DIGITS = 6;
type Missing = 'pin' | 'name' | 'institution' | 'agree';

export function Door() {
  const [pin, setPin] = useState('');
  const [name, setName] = useState('');
  const [institution, setInstitution] = useState('');
  const [agree, setAgree] = useState(false);
  const [missing, setMissing] = useState<Missing | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [wait, setWait] = useState(0);
  const [busy, setBusy] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // A phone would push the keyboard over what should be read first.
    if (matchMedia('(pointer: fine)').matches) first.current?.focus();
  }, []);
  useEffect(() => {
    if (wait <= 0) return;
    const timer = setTimeout(() => setWait(wait - 1), 1000);
    return () => clearTimeout(timer);
  }, [wait]);
  const told = look.value;
  if (!told) return null;

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy || wait > 0) return;
    const lacks: Missing | null = pin.length !== DIGITS ? 'pin' : name.trim().length < 2 ? 'name' : institution.trim().length < 2 ? 'institution' : agree ? null : 'agree';
    setMissing(lacks);
    setFailure(null);
    if (lacks) {
      document.querySelector<HTMLElement>(`[data-field="${lacks}"]`)?.focus();
      return;
    }
    setBusy(true);
    const became = await enter(pin, name.trim(), institution.trim());
    if (became.kind === 'in' || became.kind === 'over') return;
    setBusy(false);
    if (became.kind === 'wrong') {
      setPin('');
      setFailure(say('wrong.pin', { tries: became.tries }));
      first.current?.focus();
    } else if (became.kind === 'wait') {
      setWait(became.seconds);
    } else {
      setFailure(say('failed'));
    }
  };

  const message = wait > 0 ? say('wait', { seconds: wait }) : failure;
  const error = (field: Missing): string | null => (missing === field ? say(`missing.${field}`) : null);
  return (
    <form class="card door" noValidate onSubmit={(event) => void submit(event)} data-testid="door">
      <header class="door-head">
        <h1>{say('door.from', { hospital: told.hospital })}</h1>
        <ul class="chips">
          <li class={told.anonymise ? 'chip chip-ok' : 'chip chip-warn'}><Icon name="shield" size={14} />{say(told.anonymise ? 'door.anonymised' : 'door.identified')}</li>
          <li class="chip"><Icon name={told.download ? 'arrowDown' : 'eye'} size={14} />{say(told.download ? 'door.take' : 'door.look')}</li>
          <li class="chip">{say('door.until', { when: dateTime(told.expires_at) })}</li>
        </ul>
      </header>
      {message && <Notice kind="bad" testid="door-failure">{message}</Notice>}
      <Field label={say('pin')} hint={say('door.text')} error={error('pin')}>
        {(control) => (
          <input {...control} ref={first} class="input pin" data-field="pin" data-testid="door-pin" inputMode="numeric" autocomplete="one-time-code" maxLength={DIGITS}
            placeholder={say('pin.hint')} value={pin} onInput={(event) => setPin((event.currentTarget.value = event.currentTarget.value.replace(/\D/g, '')))} />
        )}
      </Field>
      <Field label={say('name')} error={error('name')}>
        {(control) => (
          <input {...control} class="input" data-field="name" data-testid="door-name" autocomplete="name" maxLength={128} placeholder={say('name.example')}
            value={name} onInput={(event) => setName(event.currentTarget.value)} />
        )}
      </Field>
      <Field label={say('institution')} error={error('institution')}>
        {(control) => (
          <input {...control} class="input" data-field="institution" data-testid="door-institution" autocomplete="organization" maxLength={128}
            placeholder={say('institution.example')} value={institution} onInput={(event) => setInstitution(event.currentTarget.value)} />
        )}
      </Field>
      <div class="field">
        <label class="agree">
          <input type="checkbox" data-field="agree" data-testid="door-agree" checked={agree} onChange={(event) => setAgree(event.currentTarget.checked)} />
          <span>{say('agree')}</span>
        </label>
        {missing === 'agree' && <p class="field-error" role="alert">{error('agree')}</p>}
      </div>
      <Button type="submit" kind="primary" class="btn-wide btn-large" busy={busy} disabled={wait > 0} data-testid="door-enter">{say('enter')}</Button>
      <p class="door-foot"><Icon name="shield" size={14} />{say('secure.text')}</p>
    </form>
  );
}

export function Message({ icon, title, text, again }: { icon: IconName; title: string; text: string; again?: () => void }) {
  return (
    <section class="card message" role="status" data-testid="message">
      <span class="message-mark"><Icon name={icon} size={28} /></span>
      <h1>{title}</h1>
      <p>{text}</p>
      {again && <Button kind="primary" icon="refresh" onClick={again}>{say('again')}</Button>}
    </section>
  );
}
