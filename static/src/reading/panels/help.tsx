/** The cheat sheet, in both languages at once: the one in use first. */
import { useEffect, useRef } from 'preact/hooks';
import { language } from '../../common/i18n';
import { common } from '../../common/strings';
import { BINDINGS } from '../control/keyboard';
import { CT } from '../control/presets';
import { help } from '../control/room';
import { reading } from '../strings';
import { Icon } from './icons';
import { sheet } from './help-strings';
import { commandLabel, keyLabel, presetLabel } from './labels';

const GROUPS = [['navigate', 'groupNavigate'], ['look', 'groupLook'], ['tools', 'groupTools'], ['page', 'groupPage']] as const;
const MOUSE = [
  ['wheel', 'scrollImages'], ['ctrlWheel', 'toolZoom'], ['leftDrag', 'activeTool'], ['rightDrag', 'toolZoom'], ['middleDrag', 'toolPan'],
  ['bothDrag', 'toolWindow'], ['doubleClick', 'oneUp'], ['oneFinger', 'activeTool'], ['twoFingers', 'pinchPan'],
] as const;

/** Some gestures do what a tool does, and are called so. */
const said = (meaning: (typeof MOUSE)[number][1]): string =>
  meaning === 'scrollImages' || meaning === 'activeTool' || meaning === 'pinchPan' ? sheet(meaning) : reading(meaning);

export function Help() {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const node = box.current;
    if (help.value && node && !node.open) node.showModal();
  });
  if (!help.value) return null;
  return (
    <dialog class="help" ref={box} aria-label={reading('shortcuts')} data-testid="help" onClose={() => (help.value = false)}
      onClick={(event) => { if (event.target === box.current) help.value = false; }}>
      <div class="help-head">
        <h2>{reading('shortcuts')}</h2><span>{sheet('shortcutsHint')}</span>
        <button type="button" class="tool" aria-label={common('close')} title={common('close')} onClick={() => (help.value = false)}><Icon name="close" /></button>
      </div>
      <div class="help-groups">
        {GROUPS.map(([group, title]) => (
          <section key={group}>
            <h3>{sheet(title)}</h3>
            <dl>
              {BINDINGS.filter((binding) => binding.group === group).map(({ keys, command }) => {
                const label = (): string => (command.do === 'preset' && command.key > 0 ? `${commandLabel(command)} · CT ${presetLabel(CT[command.key - 1]?.name ?? '')}` : commandLabel(command));
                return <Line key={keys[0]} keys={keys.map(keyLabel)} label={label} />;
              })}
            </dl>
          </section>
        ))}
        <section>
          <h3>{sheet('groupMouse')}</h3>
          <dl>
            {MOUSE.map(([gesture, meaning]) => (
              <div key={gesture}><dt class="gesture">{sheet(gesture)}</dt><dd>{said(meaning)}<small lang={other()}>{inOther(() => `${sheet(gesture)}: ${said(meaning)}`)}</small></dd></div>
            ))}
          </dl>
        </section>
      </div>
    </dialog>
  );
}

function Line({ keys, label }: { keys: readonly string[]; label: () => string }) {
  return <div><dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt><dd>{label()}<small lang={other()}>{inOther(label)}</small></dd></div>;
}

const other = (): 'vi' | 'en' => (language.peek() === 'vi' ? 'en' : 'vi');

/** The same words in the other language; nobody who reads the signal is told of the moment between. */
function inOther(say: () => string): string {
  const found = say();
  const [vi, en] = [{ ...reading.vi, ...sheet.vi }, { ...reading.en, ...sheet.en }];
  const [from, to] = language.peek() === 'vi' ? [vi, en] : [en, vi];
  return translated(found, from, to);
}

/** Sentences of the cheat sheet are words of the dictionary joined by signs, so they can be put over word by word. */
function translated(sentence: string, from: Readonly<Record<string, string>>, to: Readonly<Record<string, string>>): string {
  return sentence.split(/( · CT |: | · )/).map((part) => {
    const key = Object.keys(from).find((one) => from[one] === part);
    if (key) return to[key] ?? part;
    const numbered = /^(.*?)(\d+)$/.exec(part);
    const pattern = numbered && Object.keys(from).find((one) => from[one] === `${numbered[1] ?? ''}{number}`);
    return pattern ? (to[pattern] ?? part).replace('{number}', numbered[2] ?? '') : part;
  }).join('');
}
