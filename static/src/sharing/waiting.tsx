/** Series that may show text: looked at by a person, every image of them, before they are copied. */
import { useEffect, useState } from 'preact/hooks';
import { get } from '../common/api';
import { explain } from '../common/explain';
import { Icon } from '../common/icons';
import { Button, Notice } from '../common/ui';
import type { SharedSeries } from './links';
import { words } from './strings';

interface Found {
  '00080018': { Value: string[] };
  '00280008'?: { Value?: (number | string)[] };
}

interface Looked {
  /** Says to the server that somebody has looked. */
  confirm: (series: string) => Promise<void>;
  onConfirmed: () => void;
  /** With the pictures in sight from the start. */
  shown?: boolean;
}

export function Waiting({ series, ...looked }: Looked & { series: readonly SharedSeries[] }) {
  const waiting = series.filter((one) => one.verdict === 'confirm' && one.left > 0 && !one.confirmed);
  const never = series.filter((one) => one.verdict === 'never' && one.left > 0);
  if (!waiting.length && !never.length) return null;
  return (
    <>
      {waiting.length > 0 && (
        <section class="waiting" data-testid="waiting">
          <h3><Icon name="warning" />{words('waiting.title')}</h3>
          <p class="muted">{words('waiting.text')}</p>
          {waiting.map((one) => <One key={one.SeriesInstanceUID} series={one} {...looked} />)}
        </section>
      )}
      {never.length > 0 && (
        <section class="waiting">
          <h3>{words('never.title')}</h3>
          <ul class="never">
            {never.map((one) => <li key={one.SeriesInstanceUID}>{named(one)} <span class="muted">{one.left} · {why(one)}</span></li>)}
          </ul>
        </section>
      )}
    </>
  );
}

function One({ series, confirm, onConfirmed, shown = false }: Looked & { series: SharedSeries }) {
  const [open, setOpen] = useState(shown);
  const [busy, setBusy] = useState(false);
  const [pictures, setPictures] = useState<string[] | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    if (!open || pictures) return;
    const path = `/dicom-web/studies/${series.StudyInstanceUID}/series/${series.SeriesInstanceUID}`;
    get<Found[]>(`${path}/instances`, { includefield: '00280008' }, { headers: { Accept: 'application/dicom+json' } }).then(
      (found) => setPictures(found.flatMap((one) => addresses(path, one))),
      (error: unknown) => setFailure(explain(error)),
    );
  }, [open]);
  const act = async (): Promise<void> => {
    setBusy(true);
    try {
      await confirm(series.SeriesInstanceUID);
      onConfirmed();
    } catch (error) {
      setFailure(explain(error));
      setBusy(false);
    }
  };
  return (
    <div class="waiting-one" data-testid="waiting-series">
      <div class="waiting-head">
        <div><strong>{named(series)}</strong><span class="muted">{why(series)}</span></div>
        <Button icon="eye" aria-expanded={open} onClick={() => setOpen(!open)} data-testid="waiting-look">
          {words(open ? 'waiting.hide' : 'waiting.look', { count: series.left })}
        </Button>
      </div>
      {failure && <Notice kind="bad">{failure}</Notice>}
      {open && pictures && (
        <>
          <ul class="waiting-pictures">
            {pictures.map((one, at) => <li key={one}><a href={one} target="_blank" rel="noreferrer"><img src={one} alt={words('waiting.picture', { number: at + 1 })} loading="lazy" /></a></li>)}
          </ul>
          <p class="waiting-seen">{words('waiting.seen')}</p>
          <Button kind="primary" icon="check" busy={busy} onClick={() => void act()} data-testid="waiting-confirm">{words('waiting.confirm')}</Button>
        </>
      )}
    </div>
  );
}

/** All frames of an instance: a name may stand in one of them only. */
function addresses(series: string, found: Found): string[] {
  const count = Math.max(1, Number(found['00280008']?.Value?.[0] ?? 1) || 1);
  return Array.from({ length: count }, (_, at) => `${series}/instances/${found['00080018'].Value[0]}/frames/${at + 1}/rendered?viewport=640,640`);
}

function named(one: SharedSeries): string {
  return [one.Modality, one.SeriesDescription].filter(Boolean).join(' · ');
}

function why(one: SharedSeries): string {
  return one.reason ? words(`reason.${one.reason}`) : words('reason.mixed');
}
