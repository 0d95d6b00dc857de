/** Key images: small pictures with what is drawn on them, to go to, and a line of words for each. */
import { useState } from 'preact/hooks';
import { number } from '../../common/i18n';
import { goTo, type Place } from '../control/going';
import { perform } from '../control/commands';
import { active, panes } from '../control/room';
import { Icon } from '../panels/icons';
import type { Body, Note } from './model';
import { By, Dot, placeOf, Text, Unsent } from './panel';
import { erase, frameIdOf, notes } from './store';
import { words } from './strings';
import { Thumb } from './thumb';

export function keyImages(): Note[] {
  return [...notes.value.values()].filter((one) => !one.deleted && one.body.tool === 'key_image').sort((a, b) => a.createdAt - b.createdAt);
}

export function KeysPanel() {
  const list = keyImages();
  const now = panes[active.value]?.value.view?.frame?.id;
  const marked = list.some((one) => one.mine && frameIdOf(one.body) === now);
  return (
    <div class="side-scroll" data-testid="keys">
      <button type="button" class="button key-mark" disabled={!now} data-testid="key-mark" onClick={() => perform({ do: 'keyImage' })}>
        <Icon name="key" size={16} /> {words(marked ? 'unmark' : 'markNow')}
      </button>
      {list.length === 0 && <p class="side-empty"><strong>{words('noKeys')}</strong>{words('noKeysHint')}</p>}
      <ol class="key-list">{list.map((one) => <Card key={one.id} note={one} current={frameIdOf(one.body) === now} />)}</ol>
    </div>
  );
}

function Card({ note, current }: { note: Note; current: boolean }) {
  const [missing, setMissing] = useState(false);
  const window = note.body.window;
  return (
    <li class={`key-card${current ? ' current' : ''}`} data-testid="key-image" data-note={note.id}>
      <button type="button" class="key-go" title={words('goTo')} aria-label={words('goTo')} data-testid="key-go"
        onClick={() => void goTo(placeOfBody(note.body)).then((there) => setMissing(!there))}>
        <Thumb body={note.body} />
      </button>
      <div class="note-head">
        <Dot author={String(note.author.id)} /><strong>{placeOf(note)}</strong><Unsent note={note} />
        {note.mine && (
          <button type="button" class="tool small" aria-label={words('remove')} title={words('remove')} data-testid="key-remove" onClick={() => erase(note.id)}>
            <Icon name="trash" size={15} />
          </button>
        )}
      </div>
      {missing && <p class="note-warning">{words('gone')}</p>}
      {window && <p class="note-by">{words('window', { width: number(window[0]), center: number(window[1]) })}</p>}
      <By note={note} />
      {note.mine ? <Text note={note} /> : note.body.text && <p class="note-text">{note.body.text}</p>}
    </li>
  );
}

export function placeOfBody(body: Body): Place {
  return {
    series: body.series_instance_uid ?? '', sop: body.sop_instance_uid ?? '', frame: body.frame ?? 1,
    window: body.window ?? null, invert: body.invert,
  };
}
