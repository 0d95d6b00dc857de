/** One viewport of the grid: the image, what is written over it, its scroll bar, and what to show instead of an image. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { perform } from '../control/commands';
import { early, type Early } from '../control/early';
import { mpr } from '../control/mpr';
import { active, idOf, layout, loads, mount, oneUp, overlays, panes, screen, show, stacks, study, theViewer, unmount } from '../control/room';
import { kindOf, titleOf, type Kind } from '../dicom/series';
import { bytesOfElement, TransportError } from '../dicom/transport';
import type { Instance } from '../dicom/instance';
import { live } from '../slots';
import { reading } from '../strings';
import type { Cursor } from '../viewport';
import { Icon } from './icons';
import { Badge, Overlay } from './overlay';
import { Scrollbar } from './scrollbar';
import { DRAGGED } from './strip';

export function PaneView({ index, visible }: { index: number; visible: boolean }) {
  const element = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState<Cursor | null>(null);
  const [over, setOver] = useState(false);
  const pane = panes[index]?.value ?? { series: null, state: 'empty' as const, view: null };
  const current = active.value === index;
  const stack = pane.series ? stacks.value.get(pane.series) : undefined;
  void loads.value;
  useEffect(() => {
    if (element.current) void mount(index, element.current);
    return () => unmount(index);
  }, [index]);
  const shownEarly = early.value?.pane === index ? early.value : null;
  const view = pane.view?.picture || pane.view?.error ? pane.view : (shownEarly?.view ?? pane.view);
  const Live = live.value;
  const alone = layout.value === '1x1';
  return (
    <section class={`pane${current && !alone && !oneUp.value ? ' active' : ''}${over ? ' over' : ''}`} hidden={!visible} tabIndex={0}
      aria-label={reading('viewport', { number: index + 1 })} data-testid={`pane-${index}`} data-state={pane.state}
      onPointerDownCapture={() => (active.value = index)}
      onFocus={() => (active.value = index)}
      onDblClick={() => perform({ do: 'oneUp' })}
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes(DRAGGED)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        active.value = index;
        const uid = event.dataTransfer?.getData(DRAGGED);
        if (uid) void show(index, uid);
      }}>
      <div class="image" ref={element} id={`viewport-${idOf(index)}`} data-testid={`viewport-${index}`}
        onContextMenu={(event) => event.preventDefault()}
        onPointerMove={(event) => {
          if (event.pointerType === 'mouse') setCursor(screen(index)?.at(event.clientX, event.clientY) ?? null);
        }}
        onPointerLeave={() => setCursor(null)}
        onWheelCapture={(event) => {
          if (!event.ctrlKey) return;
          event.preventDefault();
          event.stopPropagation();
          screen(index)?.zoomBy(event.deltaY < 0 ? 1.15 : 1 / 1.15);
        }} />
      {shownEarly && <EarlyImage early={shownEarly} />}
      {(pane.state === 'stack' || shownEarly) && (
        <>
          {overlays.value && <Overlay view={view} study={study.value} cursor={cursor} software={theViewer()?.software ?? false} />}
          <Badge view={view} />
          {stack && stack.frames.length > 1 && <Scrollbar index={index} at={view?.index ?? 0} stack={stack} />}
          {pane.view?.error !== null && pane.view?.error !== undefined && <ImageError error={pane.view.error} retry={() => screen(index)?.retry()} />}
        </>
      )}
      {Live && !mpr.value && <Live.Marks index={index} />}
      {pane.state === 'empty' && <p class="hint">{reading('emptyViewport')}</p>}
      {pane.state === 'reading' && !shownEarly && <p class="hint busy">{reading('loadingSeries')}</p>}
      {pane.state === 'failed' && (
        <div class="card bad" role="alert">
          <Icon name="warning" size={28} /><strong>{reading('imageUnreachable')}</strong>
          <button type="button" class="button" onClick={() => pane.series && void show(index, pane.series)}>{reading('retry')}</button>
        </div>
      )}
      {pane.state === 'card' && stack && <Cards others={stack.others} />}
    </section>
  );
}

/** Over the viewer's own canvas, which is black until it has drawn. */
function EarlyImage({ early: { pixels } }: { early: Early }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => canvas.current?.getContext('2d')?.putImageData(pixels, 0, 0), [pixels]);
  return <canvas class="early" ref={canvas} width={pixels.width} height={pixels.height} aria-hidden="true" data-testid="early" />;
}

function ImageError({ error, retry }: { error: unknown; retry: () => void }) {
  const status = error instanceof TransportError ? error.status : null;
  const why = status === null ? reading('imageDamaged') : status === 0 ? reading('imageUnreachable') : reading('imageFailedStatus', { status });
  return (
    <div class="card bad cover" role="alert" data-testid="image-error">
      <Icon name="warning" size={28} /><strong>{reading('imageFailed')}</strong><span>{why}</span>
      <button type="button" class="button" data-testid="retry" onClick={retry}>{reading('retry')}</button>
    </div>
  );
}

const KINDS = {
  report: 'kindReport', pdf: 'kindPdf', presentation: 'kindPresentation', plan: 'kindPlan', waveform: 'kindWaveform',
  segmentation: 'kindSegmentation', video: 'kindVideo', other: 'kindOther',
} as const satisfies Record<Kind, string>;

function Cards({ others }: { others: readonly Instance[] }) {
  return (
    <div class="cards" data-testid="no-image">
      <Icon name="document" size={32} />
      <strong>{reading('noImage')}</strong>
      <span>{reading('noImageHint')}</span>
      <ul>
        {others.slice(0, 12).map((one) => (
          <li key={one.uid}>
            <span class="kind">{one.modality} · {reading(KINDS[kindOf(one)])}</span>
            {titleOf(one) && <span>{titleOf(one)}</span>}
            {kindOf(one) === 'pdf' && one.dataset['00420011'] && (
              <button type="button" class="button" onClick={() => void download(one)}>{reading('openPdf')}</button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

async function download(instance: Instance): Promise<void> {
  const element = instance.dataset['00420011'];
  if (!element) return;
  const url = URL.createObjectURL(new Blob([(await bytesOfElement(element)) as BlobPart], { type: 'application/pdf' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${titleOf(instance) || instance.uid}.pdf`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
