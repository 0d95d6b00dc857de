/** Making a link, and the one time that it and its PIN are shown. */
import '../consult/base.css';
import './sharing.css';
import { useEffect, useState } from 'preact/hooks';
import { explain } from '../common/explain';
import { common } from '../common/strings';
import { Button, Dialog, Field, Notice } from '../common/ui';
import { confirm, detail, make, type LinkDetail, type Made, type Terms } from './links';
import { words } from './strings';
import { Waiting } from './waiting';

export interface Shared {
  StudyInstanceUID: string;
  hospital: string;
  PatientName: string;
  StudyDescription: string;
}

const DAYS = [1, 3, 7, 14, 30];
const ASK_MS = 1500;

export function ShareDialog({ study, onClose }: { study: Shared; onClose: () => void }) {
  const [made, setMade] = useState<Made | null>(null);
  return made ? <Result made={made} onClose={onClose} /> : <Form study={study} onClose={onClose} onMade={setMade} />;
}

function Form({ study, onClose, onMade }: { study: Shared; onClose: () => void; onMade: (made: Made) => void }) {
  const [terms, setTerms] = useState<Terms>({
    purpose: '', recipient: '', days: 7, max_opens: 20, download: false, anonymise: true, dates: 'removed', characteristics: false,
  });
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const set = (change: Partial<Terms>): void => setTerms({ ...terms, ...change });
  const ready = terms.purpose.trim() !== '';
  const act = async (): Promise<void> => {
    if (!ready || busy) return;
    setBusy(true);
    try {
      onMade(await make(study, { ...terms, purpose: terms.purpose.trim(), recipient: terms.recipient.trim() }));
    } catch (error) {
      setFailure(explain(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={words('dialog.title')} onClose={onClose} testid="share-dialog"
      footer={<><Button onClick={onClose}>{common('cancel')}</Button><Button kind="primary" busy={busy} disabled={!ready} onClick={() => void act()} data-testid="share-make">{words('make')}</Button></>}>
      <form class="form" onSubmit={(event) => { event.preventDefault(); void act(); }}>
        <div>
          <p><strong>{study.PatientName}</strong> {study.StudyDescription}</p>
          <p class="muted">{words('dialog.text')}</p>
        </div>
        <Field label={words('purpose')} hint={words('purpose.hint')}>
          {(control) => <input {...control} class="input" maxLength={400} placeholder={words('purpose.example')} value={terms.purpose} data-testid="share-purpose" onInput={(event) => set({ purpose: event.currentTarget.value })} />}
        </Field>
        <Field label={words('recipient')}>
          {(control) => <input {...control} class="input" maxLength={400} placeholder={words('recipient.example')} value={terms.recipient} data-testid="share-recipient" onInput={(event) => set({ recipient: event.currentTarget.value })} />}
        </Field>
        <fieldset class="choices">
          <legend class="field-label">{words('identity')}</legend>
          {([true, false] as const).map((anonymise) => (
            <label key={String(anonymise)} class={`choice${terms.anonymise === anonymise ? ' chosen' : ''}`}>
              <input type="radio" name="identity" checked={terms.anonymise === anonymise} data-testid={anonymise ? 'share-anonymised' : 'share-named'} onChange={() => set({ anonymise })} />
              <span><strong>{words(anonymise ? 'identity.anonymised' : 'identity.named')}</strong><span class="muted">{words(anonymise ? 'identity.anonymised.text' : 'identity.named.text')}</span></span>
            </label>
          ))}
        </fieldset>
        {terms.anonymise && (
          <>
            <Field label={words('dates')}>
              {(control) => (
                <select {...control} class="input select" value={terms.dates} onChange={(event) => set({ dates: event.currentTarget.value as Terms['dates'] })}>
                  <option value="removed">{words('dates.removed')}</option>
                  <option value="shifted">{words('dates.shifted')}</option>
                </select>
              )}
            </Field>
            <Check checked={terms.characteristics} onChange={(characteristics) => set({ characteristics })}>{words('characteristics')}</Check>
            <p class="muted">{words('face')}</p>
          </>
        )}
        <div class="two">
          <Field label={words('days')}>
            {(control) => (
              <select {...control} class="input select" value={terms.days} onChange={(event) => set({ days: Number(event.currentTarget.value) })}>
                {DAYS.map((count) => <option key={count} value={count}>{words('days.count', { count })}</option>)}
              </select>
            )}
          </Field>
          <Field label={words('opens')}>
            {(control) => <input {...control} class="input" type="number" min={1} max={200} value={terms.max_opens} onInput={(event) => set({ max_opens: Math.max(1, Math.min(200, Number(event.currentTarget.value) || 1)) })} />}
          </Field>
        </div>
        <Check checked={terms.download} onChange={(download) => set({ download })} testid="share-download">{words('download')}</Check>
        {failure && <Notice kind="bad">{failure}</Notice>}
      </form>
    </Dialog>
  );
}

function Check({ checked, onChange, children, testid }: { checked: boolean; onChange: (checked: boolean) => void; children: string; testid?: string }) {
  return (
    <label class="checkbox">
      <input type="checkbox" checked={checked} data-testid={testid} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{children}</span>
    </label>
  );
}

function Result({ made, onClose }: { made: Made; onClose: () => void }) {
  const [link, setLink] = useState<LinkDetail | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!made.link.anonymise) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const look = async (): Promise<void> => {
      const found = await detail(made.link.id).catch(() => null);
      if (gone) return;
      if (found) setLink(found);
      if (found?.state !== 'ready' || found.images.done + found.images.left < found.images.total) timer = setTimeout(() => void look(), ASK_MS);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [turn]);
  return (
    <Dialog title={words('made.title')} onClose={onClose} wide={Boolean(link?.series.some((one) => one.left > 0))} testid="share-made"
      footer={<Button kind="primary" onClick={onClose} data-testid="share-done">{words('done')}</Button>}>
      <div class="form">
        <Notice kind="warn">{words('made.once')}</Notice>
        <Once label={words('made.link')} hint={words('made.link.hint')} value={made.url} copy={words('copyLink')} testid="share-url" />
        <Once label={words('made.pin')} hint={words('made.pin.hint')} value={made.pin} copy={words('copyPin')} testid="share-pin" large />
        {made.link.anonymise && <Prepared link={link ?? { ...made.link, series: [], guests: [] }} />}
        {link && <Waiting series={link.series} confirm={(series) => confirm(link.id, series)} onConfirmed={() => setTurn((before) => before + 1)} />}
      </div>
    </Dialog>
  );
}

export function Prepared({ link }: { link: LinkDetail }) {
  const { done, total, left } = link.images;
  const working = link.state === 'preparing' || done + left < total;
  return (
    <div class="prepared" role="status" data-testid="prepared">
      <p>{working ? words('preparing', { done, total }) : words('prepared', { done })}</p>
      {working && <progress max={Math.max(1, total)} value={done} />}
    </div>
  );
}

/** Something to copy, shown whole and selected with one click. */
function Once({ label, hint, value, copy, testid, large }: { label: string; hint: string; value: string; copy: string; testid: string; large?: boolean }) {
  const [copied, setCopied] = useState(false);
  const act = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      // Without https there is no clipboard; the field is selected, so that the keyboard does it.
      const field = document.querySelector<HTMLInputElement>(`[data-testid="${testid}"]`);
      field?.select();
      document.execCommand('copy');
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 2500);
  };
  return (
    <Field label={label} hint={hint}>
      {(control) => (
        <div class="once">
          <input {...control} class={`input${large ? ' once-large' : ''}`} readOnly value={value} data-testid={testid} onFocus={(event) => event.currentTarget.select()} />
          <Button kind="primary" icon={copied ? 'check' : 'copy'} onClick={() => void act()} data-testid={`${testid}-copy`}>{copied ? common('copied') : copy}</Button>
        </div>
      )}
    </Field>
  );
}
