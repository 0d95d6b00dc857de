/**
 * What one writes in a consultation: an opinion, a message, the conclusion. A draft is kept in this browser, for this
 * person, while it is written; what is sent stays there until the server has it (common/outbox.ts).
 */
import './text.css';
import { useEffect, useState } from 'preact/hooks';
import { session } from '../common/api';
import { language } from '../common/i18n';
import { Icon } from '../common/icons';
import { heard, keep as keepToSend } from '../common/outbox';
import { Button, Field, Segmented, toast } from '../common/ui';
import { attach, clientId, eventsPath, terms, words, type Finding, type ImageReference, type Kind, type Verdict, type Whole } from './api';
import { ACCEPT, prepared, refused } from './files';
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

/** `images` are key images at hand, which go with an opinion unless left out. */
export function Answer({ consult, onDone, images = [] }: { consult: Whole; onDone: () => void; images?: ImageReference[] }) {
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
      <Writing key={`${consult.code}/${current}`} consult={consult} mode={current} onDone={onDone} images={images} />
    </section>
  );
}

function Writing({ consult, mode, onDone, images }: { consult: Whole; mode: Mode; onDone: () => void; images: ImageReference[] }) {
  const key = draftKey(consult.code, mode);
  const [draft, setDraft] = useState<Draft>(() => restored(key));
  const [withImages, setWithImages] = useState(true);
  useEffect(() => keep(key, draft), [draft]);
  useEffect(() => heard((sent) => {
    if (sent.path === eventsPath(consult.code)) onDone();
  }), [consult.code]);
  useEffect(() => taken(key, setDraft), [key]);
  const change = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }));
  const text = draft.text.trim();
  const ready = mode === 'opinion' ? draft.verdict !== '' && (text !== '' || draft.findings.length > 0) : text !== '';

  const send = (kind: Kind, body: object): void => {
    keepToSend(eventsPath(consult.code), { kind, body: { language: language.value, ...body } });
    setDraft(EMPTY);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!ready) return;
    if (mode === 'opinion') send('opinion', { verdict: draft.verdict, findings: draft.findings, text, images: withImages ? images : [] });
    else if (mode === 'message') send('message', { text });
    else send('concluded', { conclusion: text, recommendation: draft.recommendation.trim(), findings: draft.findings });
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
      {mode === 'opinion' && images.length > 0 && (
        <label class="writing-images">
          <input type="checkbox" checked={withImages} data-testid="answer-images" onChange={(event) => setWithImages(event.currentTarget.checked)} />
          <span>{say('opinion.images', { count: images.length })}</span>
        </label>
      )}
      <div class="writing-end">
        {mode === 'message' && <AttachButton consult={consult} onDone={onDone} />}
        <Button kind="primary" type="submit" icon="send" disabled={!ready} data-testid="answer-send">
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
      else await attach(consult.code, body, file.name, clientId()).catch((error: unknown) => toast(refused(error, file.name), 'bad'));
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

const draftKey = (code: string, mode: Mode): string => `hoichan.draft.${String(session.value?.user.id ?? '')}.${code}.${mode}`;

/** What the server refused, to be written anew: back into the draft of its kind. */
export function again(code: string, kind: Kind, body: Partial<Draft> & { conclusion?: string }): void {
  const key = draftKey(code, kind as Mode);
  const { verdict = '', findings = [], recommendation = '' } = body;
  const draft = { verdict, findings, recommendation, text: body.text ?? body.conclusion ?? '' };
  keep(key, draft);
  takers.get(key)?.(draft);
}

const takers = new Map<string, (draft: Draft) => void>();

function taken(key: string, by: (draft: Draft) => void): () => void {
  takers.set(key, by);
  return () => takers.delete(key);
}

function restored(key: string): Draft {
  try {
    return { ...EMPTY, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Draft>) };
  } catch {
    return EMPTY;
  }
}

function keep(key: string, draft: Draft): void {
  try {
    if (draft === EMPTY) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(draft));
  } catch {
    // Without it a draft does not outlast the page.
  }
}
