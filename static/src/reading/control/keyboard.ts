/** Keys to commands. Navigation follows OHIF, tool letters follow Weasis; nothing is active while typing in a field. */

export type Tool = 'window' | 'pan' | 'zoom' | 'scroll' | 'length' | 'angle' | 'ellipse' | 'rectangle' | 'probe' | 'arrow';

export type Command =
  | { do: 'image'; by: number }
  | { do: 'first' | 'last' | 'nextPane' | 'previousPane' | 'nextSeries' | 'previousSeries' }
  | { do: 'tool'; tool: Tool }
  | { do: 'preset'; key: number }
  | { do: 'invert' | 'rotateRight' | 'rotateLeft' | 'flipHorizontal' | 'flipVertical' | 'fit' | 'zoomIn' | 'zoomOut' }
  | { do: 'reset' | 'cancel' | 'cine' | 'help' | 'overlays' | 'fullScreen' | 'undo' | 'redo' | 'delete' | 'oneUp' | 'keyImage' | 'side' | 'mpr' | 'keyPointer' };

export interface Binding {
  keys: readonly string[];
  command: Command;
  group: 'navigate' | 'look' | 'tools' | 'page';
}

const bind = (group: Binding['group'], command: Command, ...keys: string[]): Binding => ({ keys, command, group });

export const BINDINGS: readonly Binding[] = [
  bind('navigate', { do: 'image', by: -1 }, 'ArrowUp'),
  bind('navigate', { do: 'image', by: 1 }, 'ArrowDown'),
  bind('navigate', { do: 'image', by: -10 }, 'Shift+ArrowUp'),
  bind('navigate', { do: 'image', by: 10 }, 'Shift+ArrowDown'),
  bind('navigate', { do: 'first' }, 'Home'),
  bind('navigate', { do: 'last' }, 'End'),
  bind('navigate', { do: 'previousPane' }, 'ArrowLeft'),
  bind('navigate', { do: 'nextPane' }, 'ArrowRight'),
  bind('navigate', { do: 'previousSeries' }, 'PageUp'),
  bind('navigate', { do: 'nextSeries' }, 'PageDown'),
  bind('navigate', { do: 'cine' }, 'C'),
  bind('look', { do: 'preset', key: 0 }, '0'),
  ...[1, 2, 3, 4, 5, 6, 7, 8].map((key) => bind('look', { do: 'preset', key }, String(key))),
  bind('look', { do: 'invert' }, 'I'),
  bind('look', { do: 'rotateRight' }, 'R'),
  bind('look', { do: 'rotateLeft' }, 'L'),
  bind('look', { do: 'flipHorizontal' }, 'H'),
  bind('look', { do: 'flipVertical' }, 'V'),
  bind('look', { do: 'fit' }, '='),
  bind('look', { do: 'zoomIn' }, '+'),
  bind('look', { do: 'zoomOut' }, '-'),
  bind('look', { do: 'reset' }, ' '),
  bind('tools', { do: 'tool', tool: 'window' }, 'W'),
  bind('tools', { do: 'tool', tool: 'pan' }, 'T'),
  bind('tools', { do: 'tool', tool: 'zoom' }, 'Z'),
  bind('tools', { do: 'tool', tool: 'scroll' }, 'S'),
  bind('tools', { do: 'tool', tool: 'length' }, 'D'),
  bind('tools', { do: 'tool', tool: 'angle' }, 'A'),
  bind('tools', { do: 'tool', tool: 'ellipse' }, 'E'),
  bind('tools', { do: 'tool', tool: 'rectangle' }, 'Shift+E'),
  bind('tools', { do: 'tool', tool: 'probe' }, 'Q'),
  bind('tools', { do: 'tool', tool: 'arrow' }, 'N'),
  bind('tools', { do: 'keyPointer' }, 'X'),
  bind('tools', { do: 'keyImage' }, 'K'),
  bind('tools', { do: 'delete' }, 'Backspace', 'Delete'),
  bind('tools', { do: 'undo' }, 'Ctrl+Z'),
  bind('tools', { do: 'redo' }, 'Ctrl+Y', 'Ctrl+Shift+Z'),
  bind('page', { do: 'cancel' }, 'Escape'),
  bind('page', { do: 'oneUp' }, 'Enter'),
  bind('page', { do: 'mpr' }, 'M'),
  bind('page', { do: 'overlays' }, 'F9'),
  bind('page', { do: 'fullScreen' }, 'F11'),
  bind('page', { do: 'side' }, 'B'),
  bind('page', { do: 'help' }, 'F1'),
];

const TABLE = new Map(BINDINGS.flatMap((binding) => binding.keys.map((key) => [key, binding.command] as const)));

type Press = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>;

/** The command of a key press. A Vietnamese input method may change `key`; then the place of the key decides. */
export function commandOf(press: Press): Command | null {
  if (press.altKey) return null;
  const place = /^Key([A-Z])$|^Digit(\d)$|^Numpad(\d)$/.exec(press.code);
  const name = place ? (place[1] ?? place[2] ?? place[3] ?? '') : press.key.length === 1 ? press.key.toUpperCase() : press.key;
  // Plus is Shift and = on many keyboards; a digit with Shift is another character.
  if (press.key === '+' || press.code === 'NumpadAdd') return TABLE.get('+') ?? null;
  if (press.key === '-' || press.code === 'NumpadSubtract') return TABLE.get('-') ?? null;
  const chord = `${press.ctrlKey || press.metaKey ? 'Ctrl+' : ''}${press.shiftKey ? 'Shift+' : ''}${name}`;
  return TABLE.get(chord) ?? null;
}

export function keyOf(command: Command): string {
  return BINDINGS.find((binding) => JSON.stringify(binding.command) === JSON.stringify(command))?.keys[0] ?? '';
}

/** Whether keys belong to the element that has the focus. */
export function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
