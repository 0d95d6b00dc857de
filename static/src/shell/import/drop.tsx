/** Where files fall: a box with buttons, and the whole page. */
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { may } from '../../common/api';
import { Icon } from '../../common/icons';
import { Button, toast } from '../../common/ui';
import { explain } from '../../common/explain';
import { choose, drop } from './queue';
import { words } from './strings';

const over = signal(false);

/** `compact`: in one line, below what an import has brought. */
export function DropBox({ compact }: { compact?: boolean }) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const take = (input: HTMLInputElement): void => {
    if (input.files?.length) choose(input.files);
    input.value = '';
  };
  return (
    <div class={compact ? 'drop-box drop-compact' : 'drop-box'} data-testid="drop-box">
      <Icon name="upload" size={24} />
      <div class="drop-text">
        <p class="drop-title">{words(compact ? 'again' : 'drop')}</p>
        <p class="muted">{words(compact ? 'drop' : 'drop.text')}</p>
      </div>
      <div class="drop-buttons">
        <Button kind="primary" icon="file" onClick={() => files.current?.click()}>{words('files')}</Button>
        <Button icon="folder" onClick={() => folder.current?.click()}>{words('folder')}</Button>
      </div>
      <input ref={files} type="file" multiple hidden data-testid="import-files" onChange={(event) => take(event.currentTarget)} />
      <input ref={folder} type="file" multiple hidden data-testid="import-folder" onChange={(event) => take(event.currentTarget)}
        {...{ webkitdirectory: true }} />
    </div>
  );
}

/** Takes drops anywhere on the page and shows that it will. */
export function DropAnywhere() {
  useEffect(() => {
    let depth = 0;
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
    const enter = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      depth += 1;
      over.value = true;
    };
    const leave = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) over.value = false;
    };
    const hold = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault(); // Else the browser would open the file instead of us.
    };
    const fall = (event: DragEvent): void => {
      depth = 0;
      over.value = false;
      if (!hasFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      if (!may('study.store')) {
        toast(words('notPermitted'), 'bad');
        return;
      }
      drop(event.dataTransfer).catch((error: unknown) => toast(explain(error), 'bad'));
    };
    const events: [string, (event: DragEvent) => void][] = [['dragenter', enter], ['dragleave', leave], ['dragover', hold], ['drop', fall]];
    events.forEach(([name, handler]) => window.addEventListener(name, handler as EventListener));
    return () => events.forEach(([name, handler]) => window.removeEventListener(name, handler as EventListener));
  }, []);
  if (!over.value) return null;
  return (
    <div class="drop-veil" aria-hidden="true">
      <div>
        <Icon name="upload" size={40} />
        <p>{words('drop.release')}</p>
        <p class="muted">{words('drop.text')}</p>
      </div>
    </div>
  );
}
