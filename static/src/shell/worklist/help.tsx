import { Dialog } from '../../common/ui';
import { words } from './strings';

export function Help({ onClose }: { onClose: () => void }) {
  const keys: [string[], string][] = [
    [['/'], words('help.search')],
    [['↑', '↓'], words('help.move')],
    [['PgUp', 'PgDn'], words('help.page')],
    [['Home', 'End'], words('help.ends')],
    [['Enter'], words('help.open')],
    [['Ctrl', 'Enter'], words('help.newTab')],
    [['S'], words('help.status')],
    [['Shift', 'C'], words('help.consult')],
    [['I'], words('help.import')],
    [['R'], words('help.refresh')],
    [['Esc'], words('help.escape')],
    [['F1', '?'], words('help.help')],
  ];
  return (
    <Dialog title={words('help.title')} onClose={onClose} testid="help">
      <dl class="keys">
        {keys.map(([names, text]) => (
          <div key={text}>
            <dt>{text}</dt>
            <dd>{names.map((name) => <kbd key={name}>{name}</kbd>)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
