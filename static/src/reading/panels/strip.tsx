/** The series of the study: thumbnails with load bars, to click or to drag into a viewport. */
import { useState } from 'preact/hooks';
import { number } from '../../common/i18n';
import { active, layout, loaded, loads, oneUp, PANES, panes, series, show, stacks, stripOpen, studyUid } from '../control/room';
import { PICTURELESS, type Series } from '../dicom/series';
import { thumbnailPath } from '../dicom/transport';
import { reading } from '../strings';
import { Icon } from './icons';

export const DRAGGED = 'application/x-hoichan-series';

export function Strip() {
  return (
    <nav class="strip" aria-label={reading('seriesStrip')} data-testid="strip" hidden={!stripOpen.value}>
      <ol>{series.value.map((one) => <Card key={one.uid} of={one} />)}</ol>
    </nav>
  );
}

function Card({ of }: { of: Series }) {
  const [broken, setBroken] = useState(false);
  const found = stacks.value.get(of.uid);
  const total = found ? found.frames.length : of.instances;
  void loads.value;
  const here = found ? found.frames.reduce((sum, frame) => sum + (loaded.has(frame.id) ? 1 : 0), 0) : 0;
  const visible = oneUp.value ? [active.value] : [...Array(PANES[layout.value]).keys()];
  const shown = visible.filter((index) => panes[index]?.value.series === of.uid);
  const current = panes[active.value]?.value.series === of.uid;
  const blank = found !== undefined && found.frames.length === 0;
  const pictureless = blank || (!found && PICTURELESS.has(of.modality));
  const label = pictureless ? reading('objects', { count: found?.others.length ?? of.instances }) : reading('images', { count: total });
  return (
    <li>
      <button type="button" class={`series${current ? ' current' : ''}${shown.length ? ' shown' : ''}`} draggable data-testid="series" data-series={of.uid}
        aria-current={current} title={of.description || undefined}
        onDragStart={(event) => {
          event.dataTransfer?.setData(DRAGGED, of.uid);
          if (event.dataTransfer) event.dataTransfer.effectAllowed = 'copy';
        }}
        onClick={() => void show(active.value, of.uid)}>
        <span class="thumb">
          {broken || pictureless
            ? <Icon name="document" size={28} />
            : <img src={thumbnailPath(studyUid.value, of.uid)} alt="" width="96" height="96" loading="lazy" decoding="async" draggable={false} onError={() => setBroken(true)} />}
          <span class="modality">{of.modality || '?'}</span>
          <span class="count">{pictureless ? '' : number(total)}</span>
        </span>
        <span class="series-text">
          <span class="series-name">{of.number !== null && <b>{of.number}</b>}{of.description || of.bodyPart || reading('noDescription')}</span>
          <span class="series-count">{label}</span>
        </span>
        <progress class={`load${here >= total && total > 0 ? ' full' : ''}`} value={here} max={Math.max(1, total)} data-testid="series-load"
          aria-label={reading('loadedOf', { loaded: here, count: total })} hidden={pictureless} />
      </button>
    </li>
  );
}
