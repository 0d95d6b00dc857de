/** The place in a stack, and how much of it is here already. */
import { useEffect, useRef } from 'preact/hooks';
import { loaded, loads, previewed, screen } from '../control/room';
import type { Stack } from '../dicom/series';
import { reading } from '../strings';

export function Scrollbar({ index, at, stack }: { index: number; at: number; stack: Stack }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const count = stack.frames.length;
  const tick = loads.value;
  useEffect(() => {
    const node = canvas.current;
    const context = node?.getContext('2d');
    if (!node || !context) return;
    const height = (node.height = Math.max(1, node.clientHeight));
    node.width = 6;
    context.fillStyle = getComputedStyle(node).color;
    for (let y = 0; y < height; y++) {
      const frame = stack.frames[Math.min(count - 1, Math.floor((y / height) * count))];
      // A preview fills the left half: a shape, not only a shade.
      if (frame && loaded.has(frame.id)) context.fillRect(0, y, 6, 1);
      else if (frame && previewed.has(frame.id)) context.fillRect(0, y, 3, 1);
    }
  }, [tick, stack, count]);
  const drag = (event: PointerEvent): void => {
    if (event.buttons !== 1) return;
    event.stopPropagation();
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    screen(index)?.go(Math.round(((event.clientY - box.top) / box.height) * (count - 1)));
  };
  return (
    <div class="scrollbar" role="slider" aria-orientation="vertical" aria-label={reading('toolScroll')} aria-valuemin={1} aria-valuemax={count} aria-valuenow={at + 1}
      data-testid="scrollbar"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        drag(event);
      }}
      onPointerMove={drag}>
      <canvas ref={canvas} />
      <span class="thumb-mark" style={{ top: `${(count > 1 ? at / (count - 1) : 0) * 100}%` }} />
    </div>
  );
}
