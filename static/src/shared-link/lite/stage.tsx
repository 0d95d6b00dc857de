/** One picture at a time: slices, windows, magnification, and what kind of picture it is. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { markers, orientationFromLetters } from '../../reading/dicom/orientation';
import { texts } from '../../reading/dicom/json';
import type { Frame } from '../../reading/dicom/instance';
import type { Series } from '../../reading/dicom/series';
import { here } from '../guest';
import { say } from '../strings';
import { FIT, listen, type View } from './gestures';
import { addressOf, around, LARGE, LARGER, Pictures, type Drawn } from './pictures';
import { windowsOf, type Name } from './windows';

const STRAIGHT = { row: [1, 0], column: [0, 1] } as const;
const MANY = 20; // from so many slices on a series opens in its middle, as its thumbnail shows it

export function Stage({ frames, series }: { frames: Frame[]; series: Series }) {
  const [index, setIndex] = useState(() => (frames.length >= MANY ? Math.floor(frames.length / 2) : 0));
  const [name, setName] = useState<Name>('default');
  const [view, setView] = useState<View>(FIT);
  const [shown, setShown] = useState<{ address: string; failed: boolean } | null>(null);
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef(0);
  const pictures = useMemo(() => new Pictures(), []);
  const frame = frames[Math.min(index, frames.length - 1)] as Frame;
  const windows = windowsOf(frame);
  const window = windows.find(([one]) => one === name)?.[1] ?? '';
  const most = view.scale > 1.4 ? LARGER : LARGE;
  const address = addressOf(frame, window, most);
  const now = useRef({ view, index, count: frames.length });
  now.current = { view, index, count: frames.length };

  const step = (slices: number): void => {
    const { index: from, count } = now.current;
    const next = Math.max(0, Math.min(count - 1, from + slices));
    last.current = Math.sign(slices);
    now.current.index = next;
    setIndex(next);
  };
  useEffect(() => () => pictures.close(), []);
  useEffect(() => {
    let gone = false;
    pictures.want(around(index, frames.length, last.current).map((i) => addressOf(frames[i] as Frame, window, LARGE)), address);
    void show();
    async function show(): Promise<void> {
      for (let pause = 500; !gone; pause = Math.min(8000, pause * 2)) {
        const picture = await pictures.get(address);
        if (gone) return;
        if (picture !== null) return draw(picture);
        await new Promise((resolve) => setTimeout(resolve, pause)); // The network was away.
      }
    }
    function draw(picture: Drawn): void {
      const on = canvas.current;
      if (on && picture !== 'failed') {
        on.width = picture.width;
        on.height = Math.round(picture.width / aspectOf(frame));
        on.getContext('2d')?.drawImage(picture, 0, 0, on.width, on.height);
        picture.close();
      }
      setShown({ address, failed: picture === 'failed' });
    }
    return () => {
      gone = true;
    };
  }, [address, frames.length]);
  useEffect(() => {
    const node = stage.current;
    if (!node) return;
    return listen(node, {
      view: () => now.current.view,
      look: (next) => {
        now.current.view = next;
        setView(next);
      },
      step,
      pixelsPerSlice: () => Math.max(6, Math.min(32, node.clientHeight / Math.max(1, now.current.count))),
    });
  }, []);
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      const steps: Record<string, number> = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -1e6, End: 1e6 };
      const by = steps[event.key];
      if (by === undefined || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      step(by);
    };
    globalThis.addEventListener('keydown', key);
    return () => globalThis.removeEventListener('keydown', key);
  }, []);

  const current = shown?.address === address ? shown : null;
  const guest = here.value?.guest;
  return (
    <section class="stage-box">
      <div class="stage" ref={stage} data-testid="stage" data-index={index} data-count={frames.length} data-shown={current && !current.failed ? address : ''}>
        <canvas ref={canvas} role="img" aria-label={say('slice', { index: index + 1, count: frames.length })} class={current ? '' : 'stale'}
          style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }} />
        <Letters frame={frame} hidden={view.scale > 1} />
        <p class="corner corner-tl">{series.description || series.modality}</p>
        <p class="corner corner-tr" data-testid="slice">{index + 1} / {frames.length}{!current && <span class="spinner" aria-label={say('loadingImage')} />}</p>
        <p class="corner corner-bl" title={say('quality.text')} data-testid="quality">{say('quality')}</p>
        {guest && <p class="corner corner-br">{guest.name}</p>}
        {current?.failed && <p class="stage-failed" role="status">{say('notShown')}</p>}
        {view.scale > 1 && <button type="button" class="btn stage-fit" onClick={() => setView(FIT)}>{say('fit')}</button>}
      </div>
      {frames.length > 1 && (
        <input type="range" class="slices" min={0} max={frames.length - 1} value={index} aria-label={say('slice', { index: index + 1, count: frames.length })} data-testid="slices"
          onInput={(event) => step(Number(event.currentTarget.value) - now.current.index)} />
      )}
      {windows.length > 1 && (
        <div class="windows" role="group" aria-label={say('window')}>
          {windows.map(([one]) => (
            <button key={one} type="button" class="window" aria-pressed={one === name} onClick={() => setName(one)} data-testid={`window-${one}`}>{say(`window.${one}`)}</button>
          ))}
        </div>
      )}
    </section>
  );
}

function Letters({ frame, hidden }: { frame: Frame; hidden: boolean }) {
  const [row, column] = texts(frame.instance.dataset, '00200020');
  const sides = markers(frame.orientation ?? orientationFromLetters(row ?? '', column ?? ''), STRAIGHT);
  if (!sides || hidden) return null;
  return (
    <div class="letters" aria-hidden="true" data-testid="letters">
      <span class="letter-l">{sides.left}</span><span class="letter-r">{sides.right}</span><span class="letter-t">{sides.top}</span><span class="letter-b">{sides.bottom}</span>
    </div>
  );
}

/** Width to height as the patient is, for pixels that are no squares. */
function aspectOf(frame: Frame): number {
  const { rows, columns } = frame.instance.shape;
  const [down, across] = frame.spacing;
  return (columns * across) / Math.max(1e-6, rows * down);
}
