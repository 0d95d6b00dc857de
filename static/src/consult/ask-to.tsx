/** Whom to ask: a hospital, a person, or an expert from elsewhere who is invited. */
import { language, type Language } from '../common/i18n';
import { Field, Notice, Segmented } from '../common/ui';
import { terms, words, type Addressee } from './api';
import { say } from './strings';

export interface Address {
  kind: 'hospital' | 'person' | 'invite';
  hospital: string;
  person: number;
  email: string;
  name: string;
  language: Language;
  specialty: string;
}

/** As the server takes it; null while something is missing. */
export function toOf(address: Address): object | null {
  if (address.kind === 'hospital') return address.hospital ? { hospital: address.hospital } : null;
  if (address.kind === 'person') return address.person ? { person: address.person } : null;
  const email = address.email.trim();
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email) ? { invite: { email, name: address.name.trim(), language: address.language } } : null;
}

export function To({ address, addressees, invites, onChange }: { address: Address; addressees: Addressee[] | null; invites: boolean; onChange: (next: Address) => void }) {
  const change = (part: Partial<Address>): void => onChange({ ...address, ...part });
  const hospitals = (addressees ?? []).filter((one) => one.answers);
  return (
    <section class="ask-part">
      <div class="ask-line">
        <h3>{say('ask.to')}</h3>
        <Segmented label={say('ask.to')} value={address.kind} onChange={(kind) => change({ kind })}
          options={(['hospital', 'person', 'invite'] as const).filter((kind) => kind !== 'invite' || invites).map((value) => ({ value, text: say(`ask.to.${value}`), testid: `ask-to-${value}` }))} />
      </div>
      {addressees?.length === 0 && address.kind !== 'invite' && <Notice kind="info">{say('ask.nobody')}</Notice>}
      {address.kind === 'hospital' && (
        <div class="ask-two">
          <Field label={say('ask.hospital')}>
            {(control) => (
              <select {...control} class="select" value={address.hospital} data-testid="ask-hospital" onChange={(event) => change({ hospital: event.currentTarget.value })}>
                {hospitals.map((one) => <option key={one.code} value={one.code}>{one.own ? say('ask.own', { name: one.name }) : one.name}</option>)}
              </select>
            )}
          </Field>
          <Specialty address={address} change={change} first={hospitals.find((one) => one.code === address.hospital)?.specialties ?? []} />
        </div>
      )}
      {address.kind === 'person' && (
        <Field label={say('ask.person')}>
          {(control) => (
            <select {...control} class="select" value={address.person || ''} data-testid="ask-person" onChange={(event) => change({ person: Number(event.currentTarget.value) })}>
              <option value="">{say('ask.person.choose')}</option>
              {(addressees ?? []).map((one) => (
                <optgroup key={one.code} label={one.name}>
                  {one.people.map((person) => (
                    <option key={person.id} value={person.id}>
                      {[person.invited ? say(person.came ? 'ask.invited' : 'ask.awaited', { name: person.name }) : person.name, ...person.specialties.map((code) => words('specialties', code))].filter(Boolean).join(' · ')}
                    </option>
                  ))}
                </optgroup>
              ))}
            </select>
          )}
        </Field>
      )}
      {address.kind === 'invite' && (
        <>
          <div class="ask-two">
            <Field label={say('ask.email')}>
              {(control) => <input {...control} class="input" type="email" autocomplete="off" value={address.email} data-testid="ask-email" onInput={(event) => change({ email: event.currentTarget.value })} />}
            </Field>
            <Field label={say('ask.name')}>
              {(control) => <input {...control} class="input" maxLength={128} autocomplete="off" value={address.name} data-testid="ask-name" onInput={(event) => change({ name: event.currentTarget.value })} />}
            </Field>
          </div>
          <div class="ask-two">
            <Field label={say('ask.language')}>
              {(control) => (
                <select {...control} class="select" value={address.language} onChange={(event) => change({ language: event.currentTarget.value as Language })}>
                  <option value="en">English</option>
                  <option value="vi">Tiếng Việt</option>
                </select>
              )}
            </Field>
            <Specialty address={address} change={change} first={[]} />
          </div>
          <p class="field-hint">{say('ask.invite.text')}</p>
        </>
      )}
    </section>
  );
}

/** What they are asked as; those the hospital has people for come first. */
function Specialty({ address, change, first }: { address: Address; change: (part: Partial<Address>) => void; first: string[] }) {
  const all = terms('specialties');
  const ordered = [...all.filter((term) => first.includes(term.code)), ...all.filter((term) => !first.includes(term.code))];
  return (
    <Field label={say('ask.specialty')}>
      {(control) => (
        <select {...control} class="select" value={address.specialty} data-testid="ask-specialty" onChange={(event) => change({ specialty: event.currentTarget.value })}>
          <option value="">{say('ask.specialty.any')}</option>
          {ordered.map((term) => <option key={term.code} value={term.code}>{term[language.value]}</option>)}
        </select>
      )}
    </Field>
  );
}
