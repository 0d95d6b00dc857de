/** Names a study: looked for by patient or description, or by its UID. */
import { useState } from 'preact/hooks';
import { may } from '../../common/api';
import { studyLine, useStudies } from '../../common/studies-found';
import { Field, Notice } from '../../common/ui';
import { odd } from './odd-strings';

const MOST = 6;
const UID = /^\d+(\.\d+){2,}$/;

/** `value` is the UID of the study, "" while none is named. */
export function StudyField({ value, onChange }: { value: string; onChange: (uid: string) => void }) {
  const [text, setText] = useState(value);
  const wanted = text.trim();
  const looks = wanted !== '' && !UID.test(wanted) && may('study.read');
  const { found, problem } = useStudies(wanted, MOST, looks);
  const type = (next: string): void => {
    setText(next);
    onChange(UID.test(next.trim()) ? next.trim() : '');
  };
  return (
    <>
      <Field label={odd('link.study')} hint={odd(may('study.read') ? 'link.study.hint' : 'link.uid.hint')}>
        {(control) => <input {...control} class="input" type="search" value={text} maxLength={200} spellcheck={false} autocomplete="off" data-testid="link-study" onInput={(event) => type(event.currentTarget.value)} />}
      </Field>
      {problem && <Notice kind="bad">{problem}</Notice>}
      <div role="status">{found?.length === 0 && <p class="muted">{odd('link.none')}</p>}</div>
      {found && found.length > 0 && (
        <fieldset class="studies-found">
          <legend class="visually-hidden">{odd('link.found')}</legend>
          {found.map((one) => (
            <label key={one.StudyInstanceUID} class="study-found">
              <input type="radio" name="study-found" checked={value === one.StudyInstanceUID} data-testid="link-found" onChange={() => onChange(one.StudyInstanceUID)} />
              <span><strong>{one.PatientName || one.PatientID || '–'}</strong>{one.PatientName && <span class="muted"> {one.PatientID}</span>}
                <span class="muted study-found-what">{studyLine(one)}</span></span>
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}
