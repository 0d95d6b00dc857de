/** Words for commands, presets and keys, shared by tool bar, menus and the cheat sheet. */
import { dicomDate } from '../../common/dicom-text';
import type { Command, Tool } from '../control/keyboard';
import type { Preset } from '../control/presets';
import type { Study } from '../control/room';
import { reading } from '../strings';

export const TOOL_LABELS = {
  window: 'toolWindow', pan: 'toolPan', zoom: 'toolZoom', scroll: 'toolScroll', length: 'toolLength', angle: 'toolAngle',
  ellipse: 'toolEllipse', rectangle: 'toolRectangle', probe: 'toolProbe', arrow: 'toolArrow',
} as const satisfies Record<Tool, string>;

const PRESET_LABELS = {
  softTissue: 'presetSoftTissue', lung: 'presetLung', liver: 'presetLiver', bone: 'presetBone', brain: 'presetBrain',
  mediastinum: 'presetMediastinum', stroke: 'presetStroke', vessel: 'presetVessel', full: 'presetFull', narrow: 'presetNarrow',
  wide: 'presetWide', bright: 'presetBright', dark: 'presetDark',
} as const satisfies Record<Preset['name'], string>;

export function presetLabel(name: string): string {
  return name in PRESET_LABELS ? reading(PRESET_LABELS[name as Preset['name']]) : name;
}

export function commandLabel(command: Command): string {
  switch (command.do) {
    case 'image':
      return reading(command.by === -1 ? 'previousImage' : command.by === 1 ? 'nextImage' : command.by < 0 ? 'previousTen' : 'nextTen');
    case 'tool': return reading(TOOL_LABELS[command.tool]);
    case 'preset': return command.key === 0 ? reading('presetDefault') : reading('presetNumber', { number: command.key });
    case 'first': return reading('firstImage');
    case 'last': return reading('lastImage');
    case 'nextPane': return reading('nextViewport');
    case 'previousPane': return reading('previousViewport');
    case 'help': return reading('shortcuts');
    case 'nextSeries': case 'previousSeries': case 'invert': case 'rotateRight': case 'rotateLeft': case 'flipHorizontal':
    case 'flipVertical': case 'fit': case 'zoomIn': case 'zoomOut': case 'reset': case 'cancel': case 'cine': case 'overlays':
    case 'fullScreen': case 'undo': case 'redo': case 'delete': case 'oneUp': case 'keyImage': case 'side': case 'mpr': case 'keyPointer':
      return reading(command.do);
  }
}

const KEY_NAMES: Record<string, string> = {
  ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', PageUp: 'PgUp', PageDown: 'PgDn', ' ': 'Space', Escape: 'Esc', Delete: 'Del',
};

export function keyLabel(chord: string): string {
  return chord === '+' ? '+' : chord.split('+').map((part) => KEY_NAMES[part] ?? part).join('+');
}

/** Of the tab, which stands in histories, bookmarks and on shared screens: nothing that says whose images they are, and of
 * modalities only codes. */
export function titleOf(shown: Pick<Study, 'modalities' | 'StudyDate'> | null): string {
  return [[...(shown?.modalities ?? []).filter((one) => /^[A-Z0-9]{1,16}$/.test(one)), dicomDate(shown?.StudyDate)].filter(Boolean).join(' '), reading('title')].filter(Boolean).join(' · ');
}
