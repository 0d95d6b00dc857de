/** Inside: what is shared and why, and how to look at it. */
import { useEffect } from 'preact/hooks';
import { dicomDate } from '../common/dicom-text';
import { dateTime } from '../common/i18n';
import { Icon } from '../common/icons';
import { Button } from '../common/ui';
import { ask, here, leave, type Here, type SharedStudy } from './guest';
import { say } from './strings';

/** Whether this machine can carry the reading room: a computer with room and a graphics path. */
export function strong(): boolean {
  const memory = (navigator as { deviceMemory?: number }).deviceMemory ?? 4;
  if (!matchMedia('(pointer: fine)').matches || innerWidth < 900 || memory < 4 || (navigator.hardwareConcurrency || 2) < 2) return false;
  return document.createElement('canvas').getContext('webgl2') !== null;
}

/** What a study is called where there is one line for it. */
export function named(study: SharedStudy): string {
  return [study.StudyDescription, study.modalities?.join(' ')].find(Boolean) ?? say('noDescription');
}

const SHOWN = 'hoichan.link.shown';

export function Studies({ onOpen }: { onOpen: (uid: string) => void }) {
  const told = here.value;
  const only = told?.studies.length === 1 ? told.studies[0] : undefined;
  const ready = Boolean(only && only.images > 0);
  useEffect(() => {
    // The one study opens by itself, once: who comes back to this page wants to choose.
    if (!only || !ready || !told || sessionStorage.getItem(SHOWN) === told.code) return;
    sessionStorage.setItem(SHOWN, told.code);
    void open(only.StudyInstanceUID, onOpen);
  }, [ready]);
  if (!told) return null;
  return (
    <div class="inside" data-testid="inside">
      <section class="card facts-card">
        <dl>
          <div><dt>{say('from')}</dt><dd>{told.hospital}</dd></div>
          <div><dt>{say('purpose')}</dt><dd>{told.purpose}</dd></div>
          <div><dt>{say('until')}</dt><dd>{dateTime(told.expires_at)}</dd></div>
          <div><dt>{say('you')}</dt><dd>{told.guest.name}, {told.guest.institution}</dd></div>
        </dl>
        <Button icon="logout" kind="ghost" onClick={() => void leave()} data-testid="leave">{say('leave')}</Button>
      </section>
      <Progress told={told} />
      {told.studies.map((study) => <StudyCard key={study.StudyInstanceUID} study={study} download={told.download} onOpen={onOpen} />)}
      {told.images.left > 0 && told.state === 'ready' && <p class="muted">{say('leftOut', { count: told.images.left })}</p>}
    </div>
  );
}

export function Progress({ told }: { told: Here }) {
  if (told.state === 'ready') return null;
  const { done, total } = told.images;
  return (
    <section class="card progress" role="status" data-testid="preparing">
      <p>{say('preparing', { done, total })}</p>
      <progress max={Math.max(total, 1)} value={done} />
      <p class="muted">{say(done > 0 ? 'preparing.text' : 'waiting')}</p>
    </section>
  );
}

function StudyCard({ study, download, onOpen }: { study: SharedStudy; download: boolean; onOpen: (uid: string) => void }) {
  const uid = study.StudyInstanceUID;
  const empty = study.images === 0;
  const facts = [study.PatientName, dicomDate(study.StudyDate ?? ''), say('images', { count: study.images })].filter(Boolean);
  return (
    <section class="card study" data-testid="study">
      <header>
        <h2>{(study.modalities ?? []).map((one) => <span key={one} class="tag">{one}</span>)} {study.StudyDescription || say('noDescription')}</h2>
        <p class="muted">{facts.join(' · ')}</p>
      </header>
      {empty ? <p class="muted">{say('waiting')}</p> : (
        <div class="ways">
          {strong() && (
            <button type="button" class="way way-first" data-testid="open-reading" onClick={() => void open(uid, onOpen)}>
              <Icon name="list" size={20} /><strong>{say('open.reading')}</strong><span>{say('open.reading.text')}</span>
            </button>
          )}
          <button type="button" class={strong() ? 'way' : 'way way-first'} data-testid="open-lite" onClick={() => onOpen(uid)}>
            <Icon name="eye" size={20} /><strong>{say('open.lite')}</strong><span>{say('open.lite.text')}</span>
          </button>
          {download && (
            <a class="way" href={`/api/guest/studies/${uid}.zip`} data-testid="open-zip">
              <Icon name="arrowDown" size={20} /><strong>{say('open.zip')}</strong><span>{say('images', { count: study.images })}</span>
            </a>
          )}
        </div>
      )}
    </section>
  );
}

/** The reading room where it can be; quick view on small machines, and where an account's session would go first. */
async function open(uid: string, onOpen: (uid: string) => void): Promise<void> {
  if (strong() && (await alone())) location.assign(`/read/${uid}`);
  else onOpen(uid);
}

async function alone(): Promise<boolean> {
  const session = await fetch('/api/session', { cache: 'no-store' }).catch(() => null);
  const told = session?.ok ? ((await session.json()) as { guest?: unknown }) : null;
  return Boolean(told?.guest) && (await ask('/api/guest')).ok;
}
