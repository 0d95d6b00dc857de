/** Findings as codes: picked in one language, read in each. */
import { useState } from 'preact/hooks';
import { language } from '../common/i18n';
import { Button, Field, IconButton } from '../common/ui';
import { terms, words, type Finding, type TableName } from './api';
import { say } from './strings';

const PARTS = [
  ['certainty', 'certainties'], ['entity', 'entities'], ['density', 'densities'], ['site', 'sites'], ['side', 'sides'], ['trend', 'trends'],
] as const satisfies readonly (readonly [Exclude<keyof Finding, 'size_mm'>, TableName])[];

export function Findings({ value, onChange }: { value: Finding[]; onChange: (next: Finding[]) => void }) {
  const [one, setOne] = useState<Finding>({ entity: '' });
  const [size, setSize] = useState('');
  const add = (): void => {
    const sizes = sizesOf(size);
    onChange([...value, clean(sizes.length > 0 ? { ...one, size_mm: sizes } : one)]);
    setOne({ entity: '' });
    setSize('');
  };
  return (
    <fieldset class="findings">
      <legend>{say('findings')}</legend>
      {value.length > 0 && (
        <ul>
          {value.map((finding, index) => (
            <li key={index} data-testid="finding">
              <span>{inWords(finding)}</span>
              <IconButton icon="close" label={say('findings.remove')} onClick={() => onChange(value.filter((_, at) => at !== index))} />
            </li>
          ))}
        </ul>
      )}
      <div class="findings-new">
        {PARTS.map(([part, table]) => (
          <Field key={part} label={say(`findings.${part}`)}>
            {(control) => (
              <select {...control} class="select" value={one[part] ?? ''} data-testid={`finding-${part}`} onChange={(event) => setOne({ ...one, [part]: event.currentTarget.value })}>
                <option value="">{say('findings.none')}</option>
                {terms(table).map((term) => <option key={term.code} value={term.code}>{term[language.value]}</option>)}
              </select>
            )}
          </Field>
        ))}
        <Field label={say('findings.size')}>
          {(control) => <input {...control} class="input" inputMode="decimal" placeholder={say('findings.size.hint')} value={size} data-testid="finding-size" onInput={(event) => setSize(event.currentTarget.value)} />}
        </Field>
        <Button icon="plus" disabled={one.entity === ''} onClick={add} data-testid="finding-add">{say('findings.add')}</Button>
      </div>
    </fieldset>
  );
}

/** The codes in words, before the server has made a sentence of them. */
export function inWords(finding: Finding): string {
  const parts = PARTS.map(([part, table]) => (finding[part] ? words(table, finding[part] ?? '') : ''));
  const size = finding.size_mm?.length ? `${finding.size_mm.join(' × ')} mm` : '';
  return [...parts, size].filter(Boolean).join(' · ');
}

/** `12 x 8`, `4,2`: up to three numbers of millimetres. */
export function sizesOf(text: string): number[] {
  const found = text.replace(/,/g, '.').split(/[^0-9.]+/).map(Number.parseFloat);
  return found.filter((size) => Number.isFinite(size) && size > 0 && size <= 1000).slice(0, 3);
}

function clean(finding: Finding): Finding {
  return Object.fromEntries(Object.entries(finding).filter(([, value]) => value !== '')) as unknown as Finding;
}
