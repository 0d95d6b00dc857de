/** Twelve tools, then layout, overlays, shortcuts, full screen and language. */
import type { ComponentChildren } from 'preact';
import { chooseLanguage } from '../../common/api';
import { language } from '../../common/i18n';
import { keyOf, type Command, type Tool } from '../control/keyboard';
import { presetsFor } from '../control/presets';
import { perform, preset } from '../control/commands';
import { closeMpr, mpr, toggleMpr } from '../control/mpr';
import { active, cine, chooseTool, late, layout, overlays, panes, setLayout, sideOpen, startCine, theViewer, tool, type Layout } from '../control/room';
import { number } from '../../common/i18n';
import { liveOpen, liveUnread, loadLive } from '../slots';
import { reading } from '../strings';
import { Icon, type IconName } from './icons';
import { commandLabel, keyLabel, presetLabel, TOOL_LABELS } from './labels';
import { Menu, MenuItem } from './menu';

const LOOK: Tool[] = ['window', 'scroll', 'pan', 'zoom'];
const MEASURE: Tool[] = ['length', 'angle', 'ellipse', 'rectangle', 'probe', 'arrow'];

/** The tools; `children` are what else is done with the study, which on a telephone has no other place. */
export function Toolbar({ children }: { children?: ComponentChildren }) {
  return (
    <div class="toolbar" role="toolbar" aria-label={reading('tools')} data-testid="toolbar">
      {LOOK.slice(0, 1).map((one) => <ToolButton key={one} of={one} />)}
      <Presets />
      {LOOK.slice(1).map((one) => <ToolButton key={one} of={one} />)}
      <span class="divider" />
      {MEASURE.map((one) => <ToolButton key={one} of={one} />)}
      <span class="divider" />
      <Turns />
      <Cine />
      {children}
    </div>
  );
}

export function PageTools() {
  return (
    <div class="page-tools">
      <LiveButton />
      <Layouts />
      <span class="side-toggle">
        <CommandButton icon="side" command={{ do: 'side' }} pressed={sideOpen.value} />
        {late.value > 0 && <span class="side-late" role="status" title={reading('unsentMark', { count: late.value })} aria-label={reading('unsentMark', { count: late.value })}
          data-testid="unsent-mark">{late.value}</span>}
      </span>
      <CommandButton icon="overlays" command={{ do: 'overlays' }} pressed={overlays.value} />
      <CommandButton icon="fullScreen" command={{ do: 'fullScreen' }} />
      <CommandButton icon="help" command={{ do: 'help' }} />
      <button type="button" class="tool language" data-testid="language" title={reading('language')} aria-label={reading('language')}
        onMouseDown={keepFocus}
        onClick={() => {
          void chooseLanguage(language.value === 'vi' ? 'en' : 'vi').catch(() => undefined).finally(() => theViewer()?.redraw());
          queueMicrotask(() => theViewer()?.redraw());
        }}>
        {language.value === 'vi' ? 'EN' : 'VI'}
      </button>
    </div>
  );
}

function LiveButton() {
  const unread = liveUnread.value;
  const open = (): void => {
    liveOpen.value = !liveOpen.value;
    void loadLive().catch(() => (liveOpen.value = false));
  };
  return (
    <button type="button" class="tool live-toggle" aria-pressed={liveOpen.value} aria-label={reading('live')} title={reading('live')} data-testid="live-toggle"
      onMouseDown={keepFocus} onClick={open}>
      <Icon name="people" />
      {unread !== null && <span class={`live-badge${unread ? ' unread' : ''}`}>{unread || ''}</span>}
    </button>
  );
}

function ToolButton({ of }: { of: Tool }) {
  const label = hinted(reading(TOOL_LABELS[of]), { do: 'tool', tool: of });
  return (
    <button type="button" class="tool" aria-pressed={tool.value === of} aria-label={label} title={label} data-testid={`tool-${of}`}
      onMouseDown={keepFocus} onClick={() => chooseTool(of)}>
      <Icon name={of} />
    </button>
  );
}

function CommandButton({ icon, command, pressed }: { icon: IconName; command: Command; pressed?: boolean }) {
  const label = hinted(commandLabel(command), command);
  return (
    <button type="button" class="tool" aria-pressed={pressed} aria-label={label} title={label} data-testid={`do-${command.do}`}
      onMouseDown={keepFocus} onClick={() => perform(command)}>
      <Icon name={icon} />
    </button>
  );
}

function Presets() {
  const view = panes[active.value]?.value.view;
  const instance = view?.frame?.instance;
  const own = view?.picture?.choices ?? [];
  const list = instance && view?.picture?.grid ? presetsFor(instance.modality, instance.valueUnit) : [];
  return (
    <Menu label={reading('presets')} test="presets" button={<><Icon name="presets" /><Icon name="down" size={12} /></>}>
      {(close) => (
        <>
          {(own.length ? own : [null]).map((choice, index) => (
            <MenuItem key={index} test={`preset-0${index ? `-${index}` : ''}`} hint={index ? '' : '0'} checked={index === 0 && !view?.chosen}
              label={choice?.explanation || (index ? reading('presetChoice', { number: index + 1 }) : reading('presetDefault'))}
              onSelect={() => { preset(0, index); close(); }} />
          ))}
          {list.length > 0 && <hr />}
          {list.map((one) => {
            const window = instance?.modality === 'CT' && instance.valueUnit === 'HU' ? one.window({ min: 0, max: 0, window: { center: 0, width: 0, fn: 'LINEAR' } }) : null;
            const values = window ? `  ${number(window.width)} / ${number(window.center)}` : '';
            return (
              <MenuItem key={one.key} test={`preset-${one.key}`} hint={String(one.key)} checked={view?.chosen === true && view.name === one.name}
                label={presetLabel(one.name) + values} onSelect={() => { preset(one.key); close(); }} />
            );
          })}
        </>
      )}
    </Menu>
  );
}

const TURNS: [Command, IconName][] = [
  [{ do: 'rotateRight' }, 'turn'], [{ do: 'rotateLeft' }, 'rotateLeft'], [{ do: 'flipHorizontal' }, 'flipHorizontal'],
  [{ do: 'flipVertical' }, 'flipVertical'], [{ do: 'invert' }, 'invert'], [{ do: 'fit' }, 'fit'], [{ do: 'reset' }, 'reset'],
  [{ do: 'undo' }, 'undo'], [{ do: 'delete' }, 'trash'],
];

function Turns() {
  return (
    <Menu label={reading('turn')} test="turns" button={<><Icon name="turn" /><Icon name="down" size={12} /></>}>
      {(close) => TURNS.map(([command, icon]) => (
        <MenuItem key={command.do} test={`do-${command.do}`} icon={<Icon name={icon} size={18} />} label={commandLabel(command)} hint={keyLabel(keyOf(command))}
          onSelect={() => { perform(command); close(); }} />
      ))}
    </Menu>
  );
}

function Cine() {
  const playing = cine.value;
  const label = hinted(reading(playing ? 'cineStop' : 'cine'), { do: 'cine' });
  return (
    <span class={`cine${playing ? ' playing' : ''}`}>
      <button type="button" class="tool" aria-pressed={playing !== null} aria-label={label} title={label} data-testid="do-cine"
        onMouseDown={keepFocus} onClick={() => perform({ do: 'cine' })}>
        <Icon name={playing ? 'stop' : 'play'} />
      </button>
      {playing && (
        <>
          <button type="button" class="tool small" aria-label={reading('slower')} title={reading('slower')} onMouseDown={keepFocus}
            onClick={() => startCine(Math.max(1, playing.rate - (playing.rate > 10 ? 5 : 1)))}><Icon name="minus" size={14} /></button>
          <span class="rate" data-testid="cine-rate">{reading('framesPerSecond', { count: playing.rate })}</span>
          <button type="button" class="tool small" aria-label={reading('faster')} title={reading('faster')} onMouseDown={keepFocus}
            onClick={() => startCine(Math.min(60, playing.rate + (playing.rate >= 10 ? 5 : 1)))}><Icon name="plus" size={14} /></button>
        </>
      )}
    </span>
  );
}

const LAYOUTS: [Layout, IconName, 'layoutOne' | 'layoutTwo' | 'layoutFour'][] = [['1x1', 'one', 'layoutOne'], ['1x2', 'two', 'layoutTwo'], ['2x2', 'four', 'layoutFour']];

function Layouts() {
  const icon = mpr.value ? 'planes' : (LAYOUTS.find(([one]) => one === layout.value)?.[1] ?? 'one');
  return (
    <Menu label={reading('layout')} test="layout" align="right" button={<><Icon name={icon} /><Icon name="down" size={12} /></>}>
      {(close) => (
        <>
          {LAYOUTS.map(([one, name, label]) => (
            <MenuItem key={one} test={`layout-${one}`} icon={<Icon name={name} size={18} />} label={reading(label)} checked={!mpr.value && layout.value === one}
              onSelect={() => { closeMpr(); setLayout(one); close(); }} />
          ))}
          <MenuItem test="layout-mpr" icon={<Icon name="planes" size={18} />} label={reading('mpr')} hint={keyLabel(keyOf({ do: 'mpr' }))} checked={mpr.value !== null}
            onSelect={() => { toggleMpr(); close(); }} />
        </>
      )}
    </Menu>
  );
}

function hinted(label: string, command: Command): string {
  const key = keyLabel(keyOf(command));
  return key ? `${label} (${key})` : label;
}

/** A click with the mouse leaves the focus with the images, so that Space and arrows keep working there. */
function keepFocus(event: MouseEvent): void {
  event.preventDefault();
}
