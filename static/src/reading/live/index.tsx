/** The live room of this page; loaded after the first image, or when it is asked for. */
import './live.css';
import './people.css';
import './talk.css';
import './marks.css';
import { typing } from '../control/keyboard';
import { mpr } from '../control/mpr';
import { active, panes } from '../control/room';
import { liveOpen, roomInAddress, type Live } from '../slots';
import { besides, watchBesides } from './beside';
import { draw } from './drawn';
import { follow } from './follow';
import { lastPoint, Marks } from './marks';
import { Panel } from './panel';
import { lastPlace, lookAt, Plane } from './planes';
import { open } from './replay';
import { begin } from './sound/keep';
import { setClock } from './sound/clock';
import { playAlong } from './sound/player';
import { record } from './sound/recorder';
import { showSign } from './sound/sign';
import { listen } from './voice';
import { enter, following, looking, lookHere, myCase, pointing, status } from './room';

export const live: Live = { Panel, Marks, Plane };

let held = false;

addEventListener('keydown', (event) => {
  if (status.value !== 'in' || typing(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.code === 'Backquote' && !event.repeat && !pointing.value) held = pointing.value = true;
  else if (event.code === 'KeyF' && event.shiftKey) following.value = !following.value;
  else if (event.code === 'KeyP' && !event.shiftKey) ping();
  else return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });

addEventListener('keyup', (event) => {
  if (event.code !== 'Backquote' || !held) return;
  held = pointing.value = false;
});

/** *Look here* where the mouse is; without one, where is clicked next. */
function ping(): void {
  const there = lastPlace();
  if (there && mpr.value) {
    lookAt(there);
    return;
  }
  const at = lastPoint();
  const frame = panes[active.value]?.value.view?.frame;
  if (!at || !frame) looking.value = !looking.value;
  else lookHere({ case: besides.value.get(frame.instance.series) ?? myCase.value, SeriesInstanceUID: frame.instance.series, SOPInstanceUID: frame.instance.uid, frame: frame.number, point: at });
}

watchBesides();
follow();
draw();
listen();
setClock();
record();
begin();
showSign();
playAlong();
const code = roomInAddress();
if (code && location.hash.startsWith('#replay=')) void open(code, Number(/&at=(\d+)/.exec(location.hash)?.[1] ?? 0)).then(() => (liveOpen.value = true), () => undefined); // on a phone too: there is the way to play it
else if (code) enter(code);
