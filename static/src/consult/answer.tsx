/** What one writes in a consultation: an opinion, a message, the conclusion. Kept while the tab is open until it is sent. */
import './text.css';
import { useEffect, useState } from 'preact/hooks';
import { explain } from '../common/explain';
import { language } from '../common/i18n';
import { Icon } from '../common/icons';
import { Button, Field, Notice, Segmented, toast } from '../common/ui';
import { act, attach, clientId, terms, words, type Finding, type Kind, type Verdict, type Whole } from './api';
import { ACCEPT, prepared } from './files';
import { Findings } from './findings';
import { say } from './strings';

type Mode = 'opinion' | 'message' | 'concluded';

interface Draft {
  verdict: Verdict | '';
  findings: Finding[];
  text: string;
  recommendation: string;
}

const EMPTY: Draft = { verdict: '', findings: [], text: '', recommendation: '' };
const TITLES = { opinion: 'opinion', message: 'message', concluded: 'conclude' } as const;

export function Answer({ consult, onDone }: { consult: Whole; onDone: () => void }) {
  const modes = (['opinion', 'message', 'concluded'] as const).filter((kind) => consult.may.includes(kind));
  const [mode, setMode] = useState<Mode>(modes[0] ?? 'message');
  const current = modes.includes(mode) ? mode : modes[0];
  if (!current) return null;
  return (
    <section class="answer" data-testid="answer">
      {modes.length > 1 && (
        <Segmented label={say('opinion')} value={current} onChange={setMode}
          options={modes.map((value) => ({ value, text: say(TITLES[value]), testid: `answer-${value}` }))} />
      )}
      <Writing key={`${consult.code}/${current}`} consult={consult} mode={current} onDone={onDone} />
    </section>
  );
}

function Writing({ consult, mode, onDone }: { consult: Whole; mode: Mode; onDone: () => void }) {
  const key = `hoichan.answer.${consult.code}.${mode}`;
  const [draft, setDraft] = useState<Draft>(() => restored(key));
  const [id, setId] = useState(clientId);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => keep(key, draft), [draft]);
  const change = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }));
  const text = draft.text.trim();
  const ready = mode === 'opinion' ? draft.verdict !== '' && (text !== '' || draft.findings.length > 0) : text !== '';

  const send = async (kind: Kind, body: object): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      await act(consult.code, kind, { language: language.value, ...body }, id);
      setDraft(EMPTY);
      setId(clientId());
      onDone();
    } catch (error) {
      setFailure(explain(error));
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!ready || busy) return;
    if (mode === 'opinion') void send('opinion', { verdict: draft.verdict, findings: draft.findings, text });
    else if (mode === 'message') void send('message', { text });
    else void send('concluded', { conclusion: text, recommendation: draft.recommendation.trim(), findings: draft.findings });
  };
  const label = mode === 'opinion' ? say('opinion.text') : mode === 'message' ? say('message.text') : say('conclude.text');
  return (
    <form class="writing" onSubmit={submit}>
      {mode === 'opinion' && (
        <div class="verdicts" role="group" aria-label={say('opinion.verdict')}>
          {terms('verdicts').map((term) => (
            <button key={term.code} type="button" class={`verdict-choice verdict-${term.code}`} aria-pressed={draft.verdict === term.code} data-testid={`verdict-${term.code}`}
              onClick={() => change({ verdict: term.code as Verdict })}>{words('verdicts', term.code)}</button>
          ))}
        </div>
      )}
      {mode !== 'message' && <Findings value={draft.findings} onChange={(findings) => change({ findings })} />}
      <textarea class="input ask-text" rows={mode === 'message' ? 2 : 4} maxLength={8000} value={draft.text} placeholder={label} aria-label={label} data-testid="answer-text"
        onInput={(event) => change({ text: event.currentTarget.value })} />
      {mode === 'concluded' && (
        <Field label={say('conclude.recommendation')}>
          {(control) => <textarea {...control} class="input ask-text" rows={2} maxLength={8000} value={draft.recommendation} data-testid="answer-recommendation" onInput={(event) => change({ recommendation: event.currentTarget.value })} />}
        </Field>
      )}
      {failure && <Notice kind="bad">{failure}</Notice>}
      <div class="writing-end">
        {mode === 'message' && <AttachButton consult={consult} onDone={onDone} />}
        <Button kind="primary" type="submit" icon="send" busy={busy} disabled={!ready} data-testid="answer-send">
          {mode === 'opinion' ? say('opinion.send') : mode === 'message' ? say('message.send') : say('conclude.send')}
        </Button>
      </div>
    </form>
  );
}

function AttachButton({ consult, onDone }: { consult: Whole; onDone: () => void }) {
  const [busy, setBusy] = useState(false);
  const send = async (list: FileList | null): Promise<void> => {
    setBusy(true);
    for (const file of list ?? []) {
      const body = await prepared(file);
      if (body === null) toast(say('ask.files.wrong', { name: file.name }), 'bad');
      else await attach(consult.code, body, file.name, clientId()).catch((error: unknown) => toast(explain(error), 'bad'));
    }
    setBusy(false);
    onDone();
  };
  return (
    <label class={busy ? 'btn btn-ghost writing-attach busy' : 'btn btn-ghost writing-attach'}>
      <Icon name="clip" /><span>{say('attach')}</span>
      <input type="file" class="visually-hidden" multiple accept={ACCEPT} disabled={busy} data-testid="answer-file" onChange={(event) => { void send(event.currentTarget.files); }} />
    </label>
  );
}

function restored(key: string): Draft {
  try {
    return { ...EMPTY, ...(JSON.parse(sessionStorage.getItem(key) ?? '{}') as Partial<Draft>) };
  } catch {
    return EMPTY;
  }
}

function keep(key: string, draft: Draft): void {
  try {
    if (draft === EMPTY) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(draft));
  } catch {
    // Without it a draft does not outlast the page.
  }
}
