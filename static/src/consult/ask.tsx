/** Asking for a consultation about a study: one dialog, filled in as far as can be. */
import './base.css';
import './ask.css';
import './text.css';
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { get, post } from '../common/api';
import { apiOf, at } from '../common/at';
import { dicomDate } from '../common/dicom-text';
import { explain } from '../common/explain';
import { bytes, language } from '../common/i18n';
import { Icon } from '../common/icons';
import { common } from '../common/strings';
import { Button, Dialog, Field, IconButton, Notice, toast } from '../common/ui';
import { attach, clientId, loadVocabulary, picturePath, terms, vocabulary, words, type Addressee, type ImageReference } from './api';
import { To, toOf, type Address } from './ask-to';
import { When } from './ask-when';
import { ACCEPT, prepared, refused, type Chosen } from './files';
import { say } from './strings';

export interface Asked {
  StudyInstanceUID: string;
  PatientName: string;
  PatientID: string;
  StudyDescription: string;
  StudyDate: string;
  modalities: string[];
  hospital: string;
}

/** The study somebody is asking about; null while the dialog is closed. */
export const askedAbout = signal<Asked | null>(null);

interface Prior {
  StudyInstanceUID: string;
  StudyDate: string;
  StudyDescription: string;
  modalities: string[];
  PatientID: string;
  hospital: string;
}

interface Draft {
  chips: string[];
  question: string;
}

const draftKey = (uid: string): string => `hoichan.ask.${uid}`;

export function AskDialog({ study, onSent }: { study: Asked; onSent?: (code: string) => void }) {
  const draft = useState(() => restored(study.StudyInstanceUID))[0];
  const [id] = useState(clientId);
  const [chips, setChips] = useState<string[]>(draft.chips);
  const [question, setQuestion] = useState(draft.question);
  const [address, setAddress] = useState<Address>({ kind: 'hospital', hospital: '', person: 0, email: '', name: '', language: 'en', specialty: '' });
  const [urgency, setUrgency] = useState<{ level: 'emergency' | 'urgent' | 'routine'; minutes: number }>({ level: 'routine', minutes: 3 * 24 * 60 });
  const [priors, setPriors] = useState<Prior[]>([]);
  const [shown, setShown] = useState<string[]>([]);
  const [starred, setStarred] = useState<ImageReference[]>([]);
  const [kept, setKept] = useState<Set<string>>(new Set());
  const [files, setFiles] = useState<Chosen[]>([]);
  const [anonymise, setAnonymise] = useState(false);
  const [informed, setInformed] = useState<{ how: string; at: string }>({ how: '', at: localNow() });
  const [invites, setInvites] = useState(false);
  const [addressees, setAddressees] = useState<Addressee[] | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState('');

  useEffect(() => {
    loadVocabulary().catch((error: unknown) => setFailure(explain(error)));
    get<{ hospitals: Addressee[]; invites: boolean }>('/api/consult/addressees').then(
      ({ hospitals, invites: able }) => {
        setAddressees(hospitals);
        setInvites(able);
        setAddress((before) => preset(before, hospitals, able));
      },
      (error: unknown) => setFailure(explain(error)),
    );
    void findPriors(study).then(setPriors, () => undefined);
    void findStars(study).then((found) => {
      setStarred(found);
      setKept(new Set(found.map(keyOf)));
    }, () => undefined);
  }, [study.StudyInstanceUID]);
  useEffect(() => keep(study.StudyInstanceUID, { chips, question }), [chips, question]);

  const close = (): void => void (askedAbout.value = null);
  const to = toOf(address);
  const wrong = to === null ? say('missing.to') : chips.length === 0 && question.trim() === '' ? say('missing.question') : informed.how === '' ? say('missing.informed') : null;

  const send = async (): Promise<void> => {
    setTried(true);
    if (wrong !== null || busy) return;
    setBusy(' ');
    setFailure(null);
    const told = Date.parse(informed.at);
    try {
      const { code } = await post<{ code: string }>(`${at(study.hospital)}/api/consults`, {
        client_id: id, study: study.StudyInstanceUID, priors: shown, to, specialty: address.specialty,
        urgency: urgency.level, due_at: Date.now() + urgency.minutes * 60_000, chips, question: question.trim(), language: language.value,
        anonymise, informed_how: informed.how, informed_at: Number.isFinite(told) ? told : null,
        images: starred.filter((one) => kept.has(keyOf(one))),
      });
      let lost = 0;
      for (const [index, file] of files.entries()) {
        setBusy(say('ask.sending', { done: index + 1, count: files.length }));
        await attach(code, file.body, file.name, file.id).catch((error: unknown) => {
          lost += 1;
          toast(refused(error, file.name), 'bad');
        });
      }
      forget(study.StudyInstanceUID);
      remember(address);
      toast(lost > 0 ? say('ask.files.failed', { count: lost }) : say('ask.sent'), lost > 0 ? 'bad' : 'ok');
      close();
      onSent?.(code);
    } catch (error) {
      setFailure(explain(error));
      setBusy('');
    }
  };

  const add = async (list: FileList | null): Promise<void> => {
    for (const file of list ?? []) {
      const body = await prepared(file);
      if (body === null) setFailure(say('ask.files.wrong', { name: file.name }));
      else setFiles((before) => [...before, { id: clientId(), name: file.name, body }]);
    }
  };

  return (
    <Dialog title={say('ask.title')} onClose={close} wide testid="ask-dialog"
      footer={(
        <>
          {tried && wrong && <span class="ask-wrong" role="alert">{wrong}</span>}
          {busy.trim() && <span class="muted" role="status">{busy}</span>}
          <Button onClick={close}>{common('cancel')}</Button>
          <Button kind="primary" icon="send" busy={busy !== ''} onClick={() => void send()} data-testid="ask-send">{say('ask.send')}</Button>
        </>
      )}>
      <div class="ask">
        <p class="ask-patient"><strong>{study.PatientName}</strong><span>{[study.modalities.join(', '), study.StudyDescription, dicomDate(study.StudyDate)].filter(Boolean).join(' · ')}</span></p>
        {failure && <Notice kind="bad" testid="ask-failure">{failure}</Notice>}
        <To address={address} addressees={addressees} invites={invites} onChange={setAddress} />
        <section class="ask-part">
          <h3>{say('ask.question')}<span class="muted">{say('ask.question.hint')}</span></h3>
          <Chips chosen={chips} modalities={study.modalities} onChange={setChips} />
          <textarea class="input ask-text" rows={3} maxLength={8000} value={question} placeholder={say('ask.question.text')} aria-label={say('ask.question')} data-testid="ask-question"
            onInput={(event) => setQuestion(event.currentTarget.value)} />
        </section>
        <When value={urgency} onChange={setUrgency} />
        <section class="ask-part">
          <h3>{say('ask.studies')}<span class="muted">{say('ask.only')}</span></h3>
          {priors.length > 0 && (
            <ul class="ask-priors" aria-label={say('ask.priors')}>
              {priors.map((one) => (
                <li key={one.StudyInstanceUID}>
                  <label class="checkbox">
                    <input type="checkbox" checked={shown.includes(one.StudyInstanceUID)} data-testid="ask-prior"
                      onChange={(event) => setShown(event.currentTarget.checked ? [...shown, one.StudyInstanceUID] : shown.filter((uid) => uid !== one.StudyInstanceUID))} />
                    <span>{[dicomDate(one.StudyDate), one.modalities.join(', '), one.StudyDescription].filter(Boolean).join(' · ')}</span>
                  </label>
                </li>
              ))}
            </ul>
          )}
          {starred.length > 0 && (
            <div class="ask-stars" aria-label={say('ask.key')}>
              {starred.map((one) => (
                <button key={keyOf(one)} type="button" class="ask-star" aria-pressed={kept.has(keyOf(one))} aria-label={say('ask.key')} onClick={() => setKept(toggled(kept, keyOf(one)))}>
                  <img src={picturePath(one, study, 160)} alt={one.note} loading="lazy" /><Icon name="star" size={14} />
                </button>
              ))}
            </div>
          )}
          <label class="checkbox ask-anonymise">
            <input type="checkbox" checked={anonymise} data-testid="ask-anonymise" onChange={(event) => setAnonymise(event.currentTarget.checked)} />
            <span>{say('ask.anonymise')}</span>
          </label>
          {anonymise && <p class="field-hint">{say('ask.anonymise.text')}</p>}
        </section>
        <section class="ask-part">
          <h3>{say('ask.files')}<span class="muted">{say('ask.files.hint')}</span></h3>
          <div class="ask-files">
            {files.map((file) => (
              <span key={file.id} class="ask-file"><Icon name={file.body.type === 'application/pdf' ? 'file' : 'camera'} /><span class="cut">{file.name}</span><span class="muted">{bytes(file.body.size)}</span>
                <IconButton icon="close" label={say('ask.files.remove', { name: file.name })} onClick={() => setFiles(files.filter((one) => one.id !== file.id))} /></span>
            ))}
            <label class="btn btn-plain ask-add"><Icon name="clip" /><span>{say('ask.files.add')}</span>
              <input type="file" class="visually-hidden" multiple accept={ACCEPT} data-testid="ask-file" onChange={(event) => { void add(event.currentTarget.files); event.currentTarget.value = ''; }} />
            </label>
          </div>
        </section>
        <section class="ask-part ask-informed">
          <Field label={say('ask.informed')}>
            {(control) => (
              <select {...control} class="select" value={informed.how} data-testid="ask-informed" onChange={(event) => setInformed({ ...informed, how: event.currentTarget.value })}>
                <option value="">–</option>
                {terms('informed').map((term) => <option key={term.code} value={term.code}>{term[language.value]}</option>)}
              </select>
            )}
          </Field>
          <Field label={say('ask.informed.at')}>
            {(control) => <input {...control} class="input" type="datetime-local" value={informed.at} disabled={informed.how === 'emergency'} onInput={(event) => setInformed({ ...informed, at: event.currentTarget.value })} />}
          </Field>
        </section>
      </div>
    </Dialog>
  );
}

const GROUP_OF: Record<string, string> = { CR: 'chest', DX: 'chest', MG: 'oncology', PT: 'oncology' };

/** Questions to tap, by group; those chosen stay in sight whatever group is open. */
function Chips({ chosen, modalities, onChange }: { chosen: string[]; modalities: string[]; onChange: (chips: string[]) => void }) {
  const [group, setGroup] = useState(GROUP_OF[modalities[0] ?? ''] ?? 'general');
  const inGroup = terms('chips').filter((chip) => chip.group === group || chosen.includes(chip.code));
  if (!vocabulary.value) return <p class="muted">{common('loading')}</p>;
  return (
    <>
      <div class="ask-groups" role="group" aria-label={say('ask.question')}>
        {terms('chip_groups').map((one) => <button key={one.code} type="button" aria-pressed={one.code === group} onClick={() => setGroup(one.code)}>{one[language.value]}</button>)}
      </div>
      <div class="ask-chips">
        {inGroup.map((chip) => (
          <button key={chip.code} type="button" class="chip" aria-pressed={chosen.includes(chip.code)} data-testid={`chip-${chip.code}`}
            onClick={() => onChange(chosen.includes(chip.code) ? chosen.filter((one) => one !== chip.code) : [...chosen, chip.code].slice(-12))}>
            {words('chips', chip.code)}
          </button>
        ))}
      </div>
    </>
  );
}

const keyOf = (one: ImageReference): string => `${one.sop_instance_uid}/${one.frame}`;

function toggled(set: Set<string>, key: string): Set<string> {
  const next = new Set(set);
  if (!next.delete(key)) next.add(key);
  return next;
}

async function findPriors(study: Asked): Promise<Prior[]> {
  if (!study.PatientID) return [];
  const { studies } = await get<{ studies: Prior[] }>('/api/worklist', { q: study.PatientID, sort: '-study_date', limit: 20 });
  return studies.filter((one) => one.PatientID === study.PatientID && one.hospital === study.hospital && one.StudyInstanceUID !== study.StudyInstanceUID).slice(0, 8);
}

interface Drawn {
  deleted: boolean;
  body: { tool?: string; series_instance_uid?: string; sop_instance_uid?: string; frame?: number; text?: string };
}

/** The key images somebody has starred in the reading room. */
async function findStars(study: Asked): Promise<ImageReference[]> {
  const { annotations } = await get<{ annotations: Drawn[] }>(`${apiOf(study)}/annotations`);
  return annotations
    .filter(({ deleted, body }) => !deleted && body.tool === 'key_image')
    .map(({ body }) => ({ study_instance_uid: study.StudyInstanceUID, series_instance_uid: body.series_instance_uid ?? '', sop_instance_uid: body.sop_instance_uid ?? '', frame: body.frame ?? 1, note: (body.text ?? '').slice(0, 500) }))
    .slice(0, 30);
}

/** What was written is kept while this tab is open, and nowhere else. */
function restored(uid: string): Draft {
  try {
    const found = JSON.parse(sessionStorage.getItem(draftKey(uid)) ?? '{}') as Partial<Draft>;
    return { chips: found.chips ?? [], question: found.question ?? '' };
  } catch {
    return { chips: [], question: '' };
  }
}

function keep(uid: string, draft: Draft): void {
  try {
    sessionStorage.setItem(draftKey(uid), JSON.stringify(draft));
  } catch {
    // Without it a draft does not outlast the page.
  }
}

function forget(uid: string): void {
  try {
    sessionStorage.removeItem(draftKey(uid));
  } catch {
    // See keep.
  }
}

const LAST = 'hoichan.ask.to';

/** Whom one asked last is whom one asks next. */
function remember(address: Address): void {
  try {
    if (address.kind === 'hospital') localStorage.setItem(LAST, JSON.stringify({ hospital: address.hospital, specialty: address.specialty }));
  } catch {
    // See keep.
  }
}

function preset(before: Address, hospitals: Addressee[], invites: boolean): Address {
  let last: { hospital?: string; specialty?: string } = {};
  try {
    last = JSON.parse(localStorage.getItem(LAST) ?? '{}') as typeof last;
  } catch {
    last = {};
  }
  const able = hospitals.filter((one) => one.answers);
  const found = able.find((one) => one.code === last.hospital) ?? able.find((one) => !one.own) ?? able[0];
  return found ? { ...before, hospital: found.code, specialty: last.specialty ?? '' } : { ...before, kind: invites ? 'invite' : 'hospital' };
}

function localNow(): string {
  const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000);
  return now.toISOString().slice(0, 16);
}
