/** What of an anonymised consultation the other side does not see yet: what waits for somebody to look, what never goes. */
import './copies.css';
import '../../sharing/sharing.css';
import { useEffect, useState } from 'preact/hooks';
import { get, post } from '../../common/api';
import { explain } from '../../common/explain';
import { Button, Dialog, Notice, toast } from '../../common/ui';
import type { Whole } from '../../consult/api';
import { say } from '../../consult/strings';
import type { SharedSeries } from '../../sharing/links';
import { Waiting } from '../../sharing/waiting';

export function Copies({ consult, onDone }: { consult: Whole; onDone: () => void }) {
  const [looking, setLooking] = useState(false);
  const left = consult.copies;
  if (!left || (left.waiting === 0 && left.never === 0)) return null;
  return (
    <>
      <Notice kind={left.waiting > 0 ? 'warn' : 'info'} testid="copies-left">
        <div class="copies-left">
          <span>{[left.waiting > 0 ? say('copies.waiting', { count: left.waiting }) : '', left.never > 0 ? say('copies.never', { count: left.never }) : ''].filter(Boolean).join(' ')}</span>
          {left.waiting > 0 && <Button icon="eye" onClick={() => setLooking(true)} data-testid="copies-look">{say('copies.look')}</Button>}
        </div>
      </Notice>
      {looking && <Looking code={consult.code} onClose={() => { setLooking(false); onDone(); }} />}
    </>
  );
}

function Looking({ code, onClose }: { code: string; onClose: () => void }) {
  const path = `/api/consults/${code}/copies`;
  const [series, setSeries] = useState<SharedSeries[] | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const load = (): void => void get<{ series: SharedSeries[] }>(path).then((found) => setSeries(found.series), (error: unknown) => setFailure(explain(error)));
  useEffect(load, [path]);
  const confirmed = (uid: string): void => {
    toast(say('copies.confirmed'));
    if (series?.some((one) => one.SeriesInstanceUID !== uid && one.verdict === 'confirm' && one.left > 0 && !one.confirmed)) load();
    else onClose();
  };
  return (
    <Dialog wide title={say('copies.title')} onClose={onClose} testid="copies-dialog">
      {failure && <Notice kind="bad">{failure}</Notice>}
      {!series && !failure && <div class="boot" aria-busy="true" />}
      {series && <Waiting series={series} shown confirm={async (uid) => { await post(path, { SeriesInstanceUID: uid }); confirmed(uid); }} onConfirmed={() => undefined} />}
    </Dialog>
  );
}
