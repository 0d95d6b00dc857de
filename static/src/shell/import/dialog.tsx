/** The import dialog: what to bring in, how far it is, what became of it. */
import { session } from '../../common/api';
import { bytes, number } from '../../common/i18n';
import { Button, Dialog, Field, Notice, Progress } from '../../common/ui';
import { common } from '../../common/strings';
import { DropBox } from './drop';
import * as queue from './queue';
import { reasonText } from './reasons';
import { words } from './strings';

export function ImportDialog() {
  if (!queue.importShown.value) return null;
  const { files } = queue.summary.value;
  const running = queue.running.value;
  const started = files > 0 || running;
  return (
    <Dialog
      title={words('title')}
      wide
      testid="import"
      onClose={queue.closeImport}
      footer={started && (
        running
          ? <><Button onClick={queue.cancel} data-testid="import-cancel">{words('cancel')}</Button><Button kind="primary" onClick={queue.closeImport}>{words('hide')}</Button></>
          : <Button kind="primary" onClick={queue.closeImport} data-testid="import-close">{common('close')}</Button>
      )}
    >
      <div class="import">
        {queue.nothingFound.value && <Notice kind="warn">{words('none')}</Notice>}
        {queue.gathering.value !== null && <p class="muted">{words('reading', { count: queue.gathering.value })}</p>}
        {files > 0 && <State />}
        {files > 0 && <Summary />}
        {queue.problems.value.length > 0 && <Problems />}
        {!running && <Hospital />}
        {!running && <DropBox compact={files > 0} />}
      </div>
    </Dialog>
  );
}

function Hospital() {
  const hospitals = session.value?.hospitals ?? [];
  if (hospitals.length < 2) return null;
  return (
    <Field label={words('hospital')}>
      {(control) => (
        <select {...control} class="select" value={queue.hospital.value || hospitals[0]?.code} onChange={(event) => (queue.hospital.value = event.currentTarget.value)}>
          {hospitals.map((one) => <option key={one.code} value={one.code}>{one.name}</option>)}
        </select>
      )}
    </Field>
  );
}

function State() {
  const { files, finished, bytes: size, sent } = queue.summary.value;
  const now = sent + queue.sending.value.reduce((sum, one) => sum + one.sent, 0);
  const stopped = queue.stopped.value;
  if (!queue.running.value) {
    if (stopped > 0) return <Notice kind="warn" testid="import-stopped">{words('cancelled', { count: stopped })}</Notice>;
    const count = queue.problemCount.value;
    return count > 0
      ? <Notice kind="warn" testid="import-done">{words('done.problems', { count })}</Notice>
      : <Notice kind="ok" testid="import-done">{words('done')}</Notice>;
  }
  return (
    <div class="import-state" data-testid="import-progress">
      <div class="import-line">
        <strong>{words('progress', { done: finished, total: files })}</strong>
        <span class="muted">{words('progress.bytes', { done: bytes(Math.min(now, size)), total: bytes(size) })}</span>
      </div>
      <Progress done={now} total={size} label={words('title')} />
      <ul class="import-files">
        {[0, 1].map((place) => {
          const upload = queue.sending.value[place];
          return (
            <li key={place}>
              <span class="cut">{upload?.name ?? ''}</span>
              {upload && <Progress done={upload.sent} total={upload.size} label={upload.name} />}
              <span class="muted">{upload && words(`state.${upload.state}`)}</span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Summary() {
  const summary = queue.summary.value;
  return (
    <table class="import-summary" data-testid="import-summary">
      <tbody>
        {queue.KINDS.filter((kind) => summary[kind] > 0 || kind === 'stored' || kind === 'already').map((kind) => (
          <tr key={kind} class={`kind-${kind}`}>
            <th scope="row">{words(kind)}</th>
            <td class="num" data-testid={`import-${kind}`}>{number(summary[kind])}</td>
            <td class="muted">{words(`${kind}.text`)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Problems() {
  const all = queue.problems.value;
  const shown = all.slice(0, 100);
  return (
    <section>
      <h3 class="import-sub">{words('problems')}</h3>
      <div class="import-problems">
        <table data-testid="import-problems">
          <thead><tr><th>{words('problem.file')}</th><th>{words('problem.reason')}</th></tr></thead>
          <tbody>{shown.map((one, index) => <tr key={index}><td class="path" title={one.name}><bdi dir="ltr">{one.name}</bdi></td><td class="wrap">{reasonText(one.reason)}</td></tr>)}</tbody>
        </table>
      </div>
      {queue.problemCount.value > shown.length && <p class="muted">{words('more', { count: queue.problemCount.value - shown.length })}</p>}
    </section>
  );
}
