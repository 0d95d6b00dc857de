/** What keys and buttons ask for, done in the reading room. */
import type { Command } from './keyboard';
import { mprCode, toggleMpr } from './mpr';
import { presetsFor } from './presets';
import {
  active, chooseTool, help, kept, layout, oneUp, overlays, PANES, panes, screen, series, show, sideOpen, stopCine, theViewer, toggleCine, tool,
} from './room';

/** Does what a key or a button asks; false when there is nothing to do. */
export function perform(command: Command): boolean {
  if (!help.value && mprCode.value?.perform(command)) return true;
  const now = screen();
  switch (command.do) {
    case 'image': now?.scroll(command.by); break;
    case 'first': now?.go(0); break;
    case 'last': now?.go(now.count - 1); break;
    case 'nextPane': return movePane(1);
    case 'previousPane': return movePane(-1);
    case 'nextSeries': return moveSeries(1);
    case 'previousSeries': return moveSeries(-1);
    case 'tool': chooseTool(command.tool); break;
    case 'preset': preset(command.key); break;
    case 'invert': now?.toggleInvert(); break;
    case 'rotateRight': now?.rotate(90); break;
    case 'rotateLeft': now?.rotate(-90); break;
    case 'flipHorizontal': now?.flip('horizontal'); break;
    case 'flipVertical': now?.flip('vertical'); break;
    case 'fit': now?.fit(); break;
    case 'zoomIn': now?.zoomBy(1.25); break;
    case 'zoomOut': now?.zoomBy(0.8); break;
    case 'reset': now?.reset(); break;
    case 'cancel': cancel(); break;
    case 'cine': toggleCine(); break;
    case 'help': help.value = !help.value; break;
    case 'overlays': overlays.value = !overlays.value; break;
    case 'fullScreen': void fullScreen(); break;
    case 'undo': kept((by) => by.undo()); break;
    case 'redo': kept((by) => by.redo()); break;
    case 'delete': {
      const [selected, frame] = [theViewer()?.selected, panes[active.value]?.value.view?.frame?.id ?? ''];
      kept((by) => by.remove(selected, frame));
      break;
    }
    case 'keyImage': {
      const view = panes[active.value]?.value.view;
      if (view) kept((by) => by.mark(view));
      break;
    }
    case 'keyPointer': void pointByKeys(); break;
    case 'mpr': toggleMpr(); break;
    case 'side': sideOpen.value = !sideOpen.value; break;
    case 'oneUp': if (layout.value === '1x1') return false; oneUp.value = !oneUp.value; break;
  }
  return true;
}

function movePane(by: number): boolean {
  const count = PANES[layout.value];
  if (count === 1 || oneUp.value) return false;
  active.value = (active.value + by + count) % count;
  return true;
}

function moveSeries(by: number): boolean {
  const at = series.value.findIndex((one) => one.uid === panes[active.value]?.value.series);
  const next = series.value[at + by];
  if (!next) return false;
  void show(active.value, next.uid);
  return true;
}

/** Key 0 is the instance's own; 1 to 8 by modality. */
export function preset(key: number, choice = 0): void {
  const now = screen();
  const view = panes[active.value]?.value.view;
  if (!now || !view?.frame) return;
  if (key === 0) {
    now.setDefault(choice);
    return;
  }
  const { modality, valueUnit } = view.frame.instance;
  const found = presetsFor(modality, valueUnit).find((one) => one.key === key);
  const own = view.picture?.choices[0]?.voi;
  const window = own?.kind === 'window' ? own.window : now.window();
  if (found && window) now.setWindow(found.window({ ...now.span(), window }), found.name);
}

/** Over the active viewport; how many points there are to set is what the tool takes. */
async function pointByKeys(): Promise<void> {
  const image = document.querySelector<HTMLElement>(`[data-testid="viewport-${active.value}"]`);
  const { toggle } = await import('./pointing');
  if (image) toggle(image, () => ({ probe: 1, angle: 3 })[tool.value as 'probe'] ?? 2);
}

function cancel(): void {
  if (help.value) help.value = false;
  else {
    stopCine();
    theViewer()?.cancel();
  }
}

async function fullScreen(): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await document.documentElement.requestFullscreen().catch(() => undefined);
}
