/** Over one of three planes: where the others point, told as a place in the patient, and *look here*. */
import { useEffect, useRef } from 'preact/hooks';
import { mpr } from '../control/mpr';
import { active, stacks } from '../control/room';
import { nearest, placeOf, type Point, type Which } from '../mpr/geometry';
import { onScreen, placeUnder } from '../mpr/screens';
import { besides } from './beside';
import { BesideMark } from './besides';
import { point } from './follow';
import { Follows, LookMark, PointerMark, recent, useTicking } from './marks';
import { looking, lookHere, looks, myCase, people, pointing, screens, status, type Place } from './room';
import type { State } from './state';

/** A pointer is shown on planes that lie as near as this, in mm. */
const NEAR = 2;
let last: Point | null = null;

/** Where the mouse was last over one of the planes. */
export const lastPlace = (): Point | null => last;

export function Plane({ which }: { which: Which }) {
  const root = useRef<HTMLDivElement>(null);
  const now = mpr.value;
  useTicking();
  useEffect(() => {
    const pane = root.current?.parentElement;
    if (!pane) return;
    const moved = (event: PointerEvent): void => {
      const at = placeUnder(which, event.clientX, event.clientY);
      if (event.pointerType === 'mouse') last = at;
      if (at && pointing.peek() && status.peek() === 'in') point(at.map((one) => Math.round(one * 10) / 10));
    };
    const left = (): void => {
      last = null;
      point(null);
    };
    pane.addEventListener('pointermove', moved);
    pane.addEventListener('pointerdown', moved);
    pane.addEventListener('pointerleave', left);
    return () => {
      pane.removeEventListener('pointermove', moved);
      pane.removeEventListener('pointerdown', moved);
      pane.removeEventListener('pointerleave', left);
      left();
    };
  }, [which]);
  if (!now) return null;
  const here = (place: Point | null): readonly [number, number] | null => {
    const at = place && onScreen(which, place);
    return at && at.off <= NEAR ? [at.x, at.y] : null;
  };
  const catches = (looking.value || pointing.value) && status.value === 'in';
  return (
    <div class="live-marks" ref={root} data-testid={`live-plane-${which}`}>
      {catches && (
        <div class={`live-catch${looking.value ? ' looking' : ''}`} data-testid={`live-catch-plane-${which}`}
          onPointerDown={(event) => {
            const at = placeUnder(which, event.clientX, event.clientY);
            if (!looking.value || !at) return;
            event.stopPropagation();
            looking.value = false;
            lookAt(at);
          }} />
      )}
      {[...screens.value].map(([number, state]) => {
        const [at, person] = [here(pointedAt(state)), people.value.find((one) => one.n === number)];
        return at && person && <PointerMark key={person.key} at={at} person={person} />;
      })}
      {recent(looks.value).map((one) => {
        const at = here(lookedAt(one));
        return at && <LookMark key={`${one.by}${one.at}`} at={at} by={one.by} />;
      })}
      {which === 0 && <BesideMark index={active.value} />}
      {which === now.active && <Follows />}
    </div>
  );
}

/** *Look here*, for those with planes and for those with the images. */
export function lookAt(at: Point): void {
  const now = mpr.peek();
  if (!now) return;
  const { frame, point: pixel } = nearest(now.volume, at);
  const place = at.map((one) => Math.round(one * 10) / 10);
  lookHere({ case: besides.value.get(now.series) ?? myCase.value, SeriesInstanceUID: now.series, SOPInstanceUID: frame.instance.uid, frame: frame.number, point: pixel, place });
}

/** Where somebody points, in the patient. */
function pointedAt({ p = [], s = '', i = '', f = 1 }: State): Point | null {
  const [x, y, z] = p;
  if (x === undefined || y === undefined) return null;
  return z === undefined ? placeOn(s, i, f, x, y) : mpr.value?.series === s ? [x, y, z] : null;
}

function lookedAt({ place, point: [x = 0, y = 0], SeriesInstanceUID: series, SOPInstanceUID: sop, frame }: Place): Point | null {
  return mpr.value?.series === series && place?.length === 3 ? (place as unknown as Point) : placeOn(series, sop, frame, x, y);
}

function placeOn(series: string, sop: string, frame: number, x: number, y: number): Point | null {
  const now = mpr.value;
  if (now?.series !== series) return null;
  const at = stacks.value.get(series)?.frames.findIndex((one) => one.instance.uid === sop && one.number === frame) ?? -1;
  return at < 0 ? null : placeOf(now.volume, [x, y, at]);
}
