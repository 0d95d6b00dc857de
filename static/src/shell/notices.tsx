/** Where notices about consultations go, and what one is asked about. */
import { useEffect, useState } from 'preact/hooks';
import { begin, may, patch, session, type Session } from '../common/api';
import { explain } from '../common/explain';
import { language } from '../common/i18n';
import { common } from '../common/strings';
import { Button, Field, Notice, toast } from '../common/ui';
import { loadVocabulary, terms } from '../consult/api';
import { account } from './account-strings';
import { Section } from './admin/parts';

export function Notices() {
  const user = session.value?.user;
  const [email, setEmail] = useState(user?.email ?? '');
  const [mail, setMail] = useState(user?.mail ?? true);
  const [chosen, setChosen] = useState<string[]>(user?.specialties ?? []);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => void loadVocabulary().catch((error: unknown) => setFailure(explain(error))), []);
  if (!user || !(may('consult.ask') || may('consult.answer'))) return null;
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      begin(await patch<Session>('/api/session', { email: email.trim(), mail, specialties: chosen }));
      toast(account('notices.saved'));
    } catch (error) {
      setFailure(explain(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Section title={account('notices')} text={account('notices.text')} testid="own-notices">
      <form class="form notices" onSubmit={(event) => void save(event)}>
        {failure && <Notice kind="bad">{failure}</Notice>}
        <Field label={account('notices.email')}>
          {(control) => <input {...control} class="input" type="email" autocomplete="email" value={email} disabled={user.invited} data-testid="own-email" onInput={(event) => setEmail(event.currentTarget.value)} />}
        </Field>
        <label class="checkbox"><input type="checkbox" checked={mail} data-testid="own-mail" onChange={(event) => setMail(event.currentTarget.checked)} /><span>{account('notices.mail')}</span></label>
        {may('consult.answer') && (
          <fieldset class="notices-for">
            <legend class="field-label">{account('notices.specialties')}</legend>
            {terms('specialties').map((term) => (
              <label key={term.code} class="checkbox">
                <input type="checkbox" checked={chosen.includes(term.code)} onChange={(event) => setChosen(event.currentTarget.checked ? [...chosen, term.code] : chosen.filter((code) => code !== term.code))} />
                <span>{term[language.value]}</span>
              </label>
            ))}
          </fieldset>
        )}
        <div><Button kind="primary" type="submit" busy={busy} data-testid="own-notices-save">{common('save')}</Button></div>
      </form>
    </Section>
  );
}
