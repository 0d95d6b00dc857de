/** The text of the minutes as a form, until it is signed. */
import { Button, Field, IconButton } from '../../common/ui';
import { SECTIONS, type Body, type Person } from './api';
import { minutes as say } from './strings';

interface Part {
  body: Body;
  onChange: (body: Body) => void;
}

const PATIENT = ['patient_name', 'patient_id', 'patient_sex', 'patient_age', 'study'] as const;

export function Draft({ hidden, ...part }: Part & { hidden: boolean }) {
  const { body, onChange } = part;
  const one = (name: 'place' | 'chair' | 'secretary' | (typeof PATIENT)[number]) => (
    <Field label={say(name)}>
      {(control) => <input {...control} class="input" maxLength={400} value={body[name]} data-testid={`minutes-${name}`} onInput={(event) => onChange({ ...body, [name]: event.currentTarget.value })} />}
    </Field>
  );
  const shown = hidden ? PATIENT.slice(2) : PATIENT;
  return (
    <>
      <section class="minutes-section">
        <h2>{say('when')}</h2>
        <div class="minutes-row"><Moment {...part} name="held_from" /><Moment {...part} name="held_to" />{one('place')}</div>
      </section>
      <People {...part} chair={one('chair')} secretary={one('secretary')} />
      <section class="minutes-section">
        <h2>{say('patient')}</h2>
        {hidden && <p class="muted">{say('hidden')}</p>}
        <div class="minutes-row minutes-patient">{shown.map((name) => one(name))}</div>
      </section>
      <section class="minutes-section">
        <h2>{say('content')}</h2>
        <label class="minutes-check"><input type="checkbox" checked={body.bilingual} data-testid="minutes-bilingual" onChange={(event) => onChange({ ...body, bilingual: event.currentTarget.checked })} /> {say('bilingual')}</label>
        {SECTIONS.map((name) => (
          <div key={name} class={body.bilingual ? 'minutes-pair' : ''}>
            <Field label={say(name)}>
              {(control) => <textarea {...control} class="input" rows={rows(body[name])} value={body[name]} data-testid={`minutes-${name}`} onInput={(event) => onChange({ ...body, [name]: event.currentTarget.value })} />}
            </Field>
            {body.bilingual && (
              <Field label={say('english')}>
                {(control) => <textarea {...control} class="input" lang="en" rows={rows(body.english[name] ?? '')} value={body.english[name] ?? ''} onInput={(event) => onChange({ ...body, english: { ...body.english, [name]: event.currentTarget.value } })} />}
              </Field>
            )}
          </div>
        ))}
      </section>
    </>
  );
}

function People({ body, onChange, chair, secretary }: Part & { chair: preact.ComponentChildren; secretary: preact.ComponentChildren }) {
  const put = (at: number, some: Partial<Person>): void => onChange({ ...body, participants: body.participants.map((one, place) => (place === at ? { ...one, ...some } : one)) });
  return (
    <section class="minutes-section">
      <h2>{say('people')}</h2>
      <div class="minutes-row">{chair}{secretary}</div>
      <table class="minutes-people" data-testid="minutes-people">
        <thead><tr><th>{say('person.name')}</th><th>{say('person.title')}</th><th>{say('person.hospital')}</th><th /></tr></thead>
        <tbody>
          {body.participants.map((one, at) => (
            <tr key={at}>
              {(['name', 'title', 'hospital'] as const).map((name) => (
                <td key={name} data-head={say(`person.${name}`)}><input class="input" maxLength={200} aria-label={say(`person.${name}`)} value={one[name]} onInput={(event) => put(at, { [name]: event.currentTarget.value })} /></td>
              ))}
              <td><IconButton icon="close" label={say('person.remove', { name: one.name })} onClick={() => onChange({ ...body, participants: body.participants.filter((_, place) => place !== at) })} /></td>
            </tr>
          ))}
        </tbody>
      </table>
      <Button icon="plus" onClick={() => onChange({ ...body, participants: [...body.participants, { name: '', title: '', hospital: '' }] })} data-testid="minutes-person-add">{say('person.add')}</Button>
    </section>
  );
}

function Moment({ body, onChange, name }: Part & { name: 'held_from' | 'held_to' }) {
  const at = body[name];
  return (
    <Field label={say(name)}>
      {(control) => (
        <input {...control} class="input" type="datetime-local" value={at ? local(at) : ''}
          onInput={(event) => onChange({ ...body, [name]: event.currentTarget.value ? new Date(event.currentTarget.value).getTime() : null })} />
      )}
    </Field>
  );
}

/** As an input of date and time has it, in the time of this device. */
function local(at: number): string {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const rows = (text: string): number => Math.min(14, Math.max(2, text.split('\n').length + Math.floor(text.length / 90)));
