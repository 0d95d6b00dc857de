/** Over the image of one viewport: the pointers of the others with their names, and *look here*. */
import { useEffect, useRef } from 'preact/hooks';
import { signal } from '@preact/signals';
import { active, panes } from '../control/room';
import type { Frame } from '../dicom/instance';
import { onFrame, type Point } from '../mpr/geometry';
import { besides } from './beside';
import { BesideMark } from './besides';
import { colourOf } from './colours';
import { onElement, pixelAt, point } from './follow';
import { cases, following, leads, looking, lookHere, looks, myCase, nameOf, people, personOf, pointing, presenter, room, screens, status, type Person } from './room';
import type { State } from './state';
import { live } from './strings';

const LASTS = 5000;
const now = signal(Date.now());
let last: [number, number] | null = null;

/** Where the mouse was last over an image of this window. */
export const lastPoint = (): [number, number] | null => last;

export function Marks({ index }: { index: number }) {
  const root = useRef<HTMLDivElement>(null);
  const view = panes[index]?.value.view;
  const frame = view?.frame;
  const current = active.value === index;
  useEffect(() => {
    const pane = root.current?.parentElement;
    if (!pane) return;
    const moved = (event: PointerEvent): void => {
      const seen = panes[index]?.peek().view;
      const image = pane.querySelector('.image');
      if (!seen || !image || active.peek() !== index) return;
      const at = pixelAt(seen, image, event.clientX, event.clientY);
      if (event.pointerType === 'mouse') last = at;
      if (pointing.peek() && status.peek() === 'in') point(at);
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
    };
  }, [index]);
  useTicking();
  const pointed = frame && view ? [...screens.value].flatMap(([number, state]) => {
    const pixel = pixelOf(state, frame);
    const at = pixel && onElement(view, pixel);
    const person = people.value.find((one) => one.n === number);
    return at && person ? [{ at, person }] : [];
  }) : [];
  const seen = frame && view ? recent(looks.value).filter((one) => one.SOPInstanceUID === frame.instance.uid && one.frame === frame.number) : [];
  const catches = current && (looking.value || pointing.value) && status.value === 'in';
  return (
    <div class="live-marks" ref={root} data-testid={`live-marks-${index}`}>
      {catches && (
        <div class={`live-catch${looking.value ? ' looking' : ''}`} data-testid="live-catch"
          onPointerDown={(event) => {
            const image = root.current?.parentElement?.querySelector('.image');
            const at = view && image && pixelAt(view, image, event.clientX, event.clientY);
            if (looking.value && at && frame) {
              event.stopPropagation();
              looking.value = false;
              lookHere({ case: besides.value.get(frame.instance.series) ?? myCase.value, SeriesInstanceUID: frame.instance.series, SOPInstanceUID: frame.instance.uid, frame: frame.number, point: at });
            }
          }} />
      )}
      {pointed.map(({ at, person }) => <PointerMark key={person.key} at={at} person={person} />)}
      {seen.map((one) => {
        const at = view && onElement(view, one.point);
        return at && <LookMark key={`${one.by}${one.at}`} at={at} by={one.by} />;
      })}
      <BesideMark index={index} />
      {current && <Follows />}
    </div>
  );
}

/** Where somebody points on this frame: column and row; null when it is elsewhere. */
function pixelOf({ p, s, i, f = 1 }: State, frame: Frame): readonly number[] | null {
  if (p?.length === 3 && s === frame.instance.series) {
    const found = onFrame(frame, p as unknown as Point);
    return found && found.off <= Math.max(1, (frame.thickness ?? 0) / 2) ? found.point : null;
  }
  return p?.length === 2 && i === frame.instance.uid && f === frame.number ? p : null;
}

/** Marks that last only a while go by themselves. */
export function useTicking(): void {
  useEffect(() => {
    if (!looks.value.length) return;
    const timer = setInterval(() => (now.value = Date.now()), 500);
    return () => clearInterval(timer);
  }, [looks.value]);
}

export function PointerMark({ at, person }: { at: readonly [number, number]; person: Person }) {
  return (
    <div class="live-pointer" data-testid="live-pointer" data-member={person.key}
      style={{ transform: `translate(${at[0]}px, ${at[1]}px)`, '--who': colourOf(person.colour) }}>
      <svg width="18" height="22" viewBox="0 0 18 22" aria-hidden="true"><path d="M1 1v16l4.500-4 3 7 3-1.300-3-6.700H15Z" /></svg>
      <span>{person.name}</span>
    </div>
  );
}

export function LookMark({ at, by }: { at: readonly [number, number]; by: string }) {
  return (
    <div class="live-look" data-testid="live-look" style={{ transform: `translate(${at[0]}px, ${at[1]}px)`, '--who': colourOf(personOf(by)?.colour ?? 0) }}>
      <i /><span>{live('looksAt', { name: nameOf(by) })}</span>
    </div>
  );
}

/** The *look here* that are still shown. */
export const recent = <One extends { at: number }>(list: readonly One[]): One[] => list.filter((one) => now.value - one.at < LASTS);

/** One line that says whose images these are: mine, the presenter's, or freely looked at. */
export function Follows() {
  if (!['in', 'cut', 'replay'].includes(status.value)) return null;
  const name = nameOf(presenter.value);
  const here = personOf(presenter.value)?.here;
  if (status.value === 'cut') return <p class="live-line cut" role="alert" data-testid="live-cut">{live('cut')}</p>;
  if (cases.value.find((one) => one.position === room.value?.step)?.StudyInstanceUID === null) return <p class="live-line" role="status" data-testid="live-hidden">{live('caseHiddenHere')}</p>;
  if (looking.value) return <p class="live-line" role="status">{live('lookHint')}</p>;
  if (leads.value) return <p class="live-line leads" data-testid="live-line">{live('leading')}</p>;
  return <FollowLine name={name} here={here ?? false} />;
}

function FollowLine({ name, here }: { name: string; here: boolean }) {
  if (!here) return null;
  if (following.value) {
    return <p class="live-line" style={{ '--who': colourOf(personOf(presenter.value)?.colour ?? 0) }} data-testid="live-line"><i />{live('following', { name })}</p>;
  }
  return (
    <button type="button" class="live-line button" data-testid="live-follow" onClick={() => (following.value = true)}
      style={{ '--who': colourOf(personOf(presenter.value)?.colour ?? 0) }}>
      <i />{live('freeHint')} · <strong>{live('followAgain', { name })}</strong>
    </button>
  );
}
