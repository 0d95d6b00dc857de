/** Names a study: looked for by patient or description, or by its UID. */
import { useEffect, useState } from 'preact/hooks';
import { get, may } from '../../common/api';
import { dicomDate } from '../../common/dicom-text';
import { explain } from '../../common/explain';
import { Field, Notice } from '../../common/ui';
import { odd } from './odd-strings';

interface Found {
  StudyInstanceUID: string;
  PatientName: string;
  PatientID: string;
  StudyDate: string;
  StudyDescription: string;
  modalities: string[];
}

const MOST = 6;
const TYPED_MS = 300;
const UID = /^\d+(\.\d+){2,}$/;

/** `value` is the UID of the study, "" while none is named. */
export function StudyField({ value, onChange }: { value: string; onChange: (uid: string) => void }) {
  const [text, setText] = useState(value);
  const [found, setFound] = useState<Found[] | null>(null);
  const [problem, setProblem] = useState('');
  const wanted = text.trim();
  const looks = wanted !== '' && !UID.test(wanted) && may('study.read');
  useEffect(() => {
    setFound(null);
    setProblem('');
    if (!looks) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      get<{ studies: Found[] }>('/api/worklist', { q: wanted, limit: MOST }, { signal: controller.signal }).then(
        ({ studies }) => setFound(studies),
        (error: unknown) => !controller.signal.aborted && setProblem(explain(error)),
      );
    }, TYPED_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [wanted, looks]);
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
                <span class="muted study-found-what">{[one.modalities.join('/'), dicomDate(one.StudyDate), one.StudyDescription].filter(Boolean).join(' · ')}</span></span>
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}
