/** The first thing a new installation shows: how images get in. */
import { useEffect, useState } from 'preact/hooks';
import { get, may, post, session } from '../../common/api';
import { explain } from '../../common/explain';
import { Icon } from '../../common/icons';
import { Button, CopyLine, Notice, Progress } from '../../common/ui';
import { DropBox } from '../import/drop';
import type { TaskState } from './live';
import * as store from './store';
import { words } from './strings';

const POLL_MS = 1000;

export function Empty() {
  const dicom = session.value?.dicom;
  const mayStore = may('study.store');
  return (
    <section class="empty" data-testid="empty">
      <h2>{words('empty.title')}</h2>
      <p class="muted">{words('empty.text')}</p>
      <div class="empty-ways">
        {mayStore && (
          <div class="way">
            <h3><Icon name="upload" />{words('import')}</h3>
            <DropBox />
          </div>
        )}
        {dicom && (
          <div class="way">
            <h3><Icon name="server" />{words('empty.send')}</h3>
            <dl class="dicom-facts">
              <div><dt>{words('ae')}</dt><dd>{dicom.ae_title}</dd></div>
              <div><dt>{words('host')}</dt><dd>{dicom.host}</dd></div>
              <div><dt>{words('port')}</dt><dd>{dicom.port}</dd></div>
            </dl>
            <p class="muted">{words('empty.send.text')}</p>
            <CopyLine testid="storescu" text={`storescu --no-halt -aec ${dicom.ae_title} ${dicom.host} ${dicom.port} +sd +r ${words('empty.folder')}`} />
            {may('admin.peers') && <a class="way-link" href="#/admin/peers">{words('empty.peers')}</a>}
          </div>
        )}
        {mayStore && <Samples />}
      </div>
    </section>
  );
}

function Samples() {
  const [task, setTask] = useState<TaskState | null>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const heard = task ? store.tasks.value[task.id] : undefined;
  const now = heard && task && heard.done >= task.done ? heard : task;
  const state = now?.state ?? '';
  const failed = state === 'dead';
  const over = state === 'done' || failed;

  useEffect(() => {
    if (!task || over) return;
    // Events tell the same sooner; asking makes sure.
    const timer = setInterval(() => void get<TaskState>(`/api/tasks/${task.id}`).then(setTask, () => undefined), POLL_MS);
    return () => clearInterval(timer);
  }, [task?.id, over]);
  useEffect(() => {
    if (state === 'done') void store.load(true);
  }, [state]);

  const start = async (): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      const answer = await post<{ task: number }>('/api/samples');
      setTask({ id: answer.task, kind: 'samples', done: 0, total: 0, state: 'ready' });
    } catch (error) {
      setFailure(explain(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <div class="way way-row">
      <div class="way-text">
        <h3><Icon name="folder" />{words('empty.samples')}</h3>
        <p class="muted">{words('empty.samples.text')}</p>
        {(failure ?? failed) && <Notice kind="bad">{failure ?? words('empty.samples.failed')}</Notice>}
      </div>
      {now && !failed
        ? (
          <div class="samples-progress" data-testid="samples-progress">
            <p>{now.total > 0 ? words('empty.samples.running', { done: now.done, total: now.total }) : words('empty.samples.starting')}</p>
            <Progress done={now.done} total={now.total} label={words('empty.samples')} />
          </div>
        )
        : <Button busy={busy} onClick={() => void start()} data-testid="load-samples">{words('empty.samples')}</Button>}
    </div>
  );
}
