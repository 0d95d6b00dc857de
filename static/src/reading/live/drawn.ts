/** What is drawn on the case in the room: one's own acts are told to the others, and theirs are shown, read-only. */
import { computed, effect, untracked } from '@preact/signals';
import { session } from '../../common/api';
import { DRAWN_WITH, type Point } from '../control/drawing';
import { isOpen } from '../control/room';
import type { Body, RoomDrawing } from '../notes/model';
import { adopt, inRoom, guestDraws, onAct, type Act } from '../notes/store';
import { colourOf } from './colours';
import { cases, events, me, nameOf, personOf, room, say, status, type Event } from './room';

/** Beside an image only the first words are shown; the server takes 12,000 bytes of an event. */
const WORDS = 500;

/** What of the room's acts stands on the case at `position`. Who drew first owns the drawing: acts of others on it, and what
 * is no drawing, are left out. Deleted ones stay in the map, as deleted. */
export function standing(list: readonly Event[], position: number): Map<string, Omit<RoomDrawing, 'name' | 'colour'>> {
  const found = new Map<string, Omit<RoomDrawing, 'name' | 'colour'>>();
  for (const { kind, by, at, body: told } of list) {
    const id = told['annotation'];
    if (kind !== 'annotation' || told['case'] !== position || typeof id !== 'string') continue;
    const before = found.get(id);
    const body = bodyOf(told);
    if (body && (!before || before.by === by)) found.set(id, { id, by, at, deleted: told['act'] === 'delete', body });
  }
  return found;
}

/** The drawing of an event; null when it is none. */
function bodyOf(told: Record<string, unknown>): Body | null {
  const { tool, text, points, box, frame, SeriesInstanceUID: series, SOPInstanceUID: sop } = told;
  const count = Object.entries(DRAWN_WITH).find(([name]) => name === tool)?.[1];
  if (!count || typeof series !== 'string' || typeof sop !== 'string' || typeof frame !== 'number') return null;
  if (!Array.isArray(points) || points.length !== count || !points.every(isPoint)) return null;
  return {
    tool: tool as Body['tool'], text: typeof text === 'string' ? text.slice(0, WORDS) : '', series_instance_uid: series, sop_instance_uid: sop, frame,
    points, ...(isPoint(box) ? { box } : {}),
  };
}

const isPoint = (value: unknown): value is Point => Array.isArray(value) && value.length === 2 && value.every((one) => Number.isFinite(one));

/** An act as the room is told it. UIDs only where the room exchanges them for who sees copies. */
export function toldOf({ id, kind, body }: Act, position: number): Record<string, unknown> {
  return {
    case: position, SeriesInstanceUID: body.series_instance_uid, SOPInstanceUID: body.sop_instance_uid, frame: body.frame ?? 1,
    annotation: id, act: kind, tool: body.tool, text: body.text.slice(0, WORDS), points: body.points, ...(body.box ? { box: body.box } : {}),
  };
}

const position = computed(() => cases.value.find(isOpen)?.position ?? -1);

/** Tells and shows from now on, whenever this window is in a room. */
export function draw(): void {
  let held: Act[] = [];
  const tell = (): void => {
    if (!['joining', 'in', 'cut'].includes(status.value)) held = [];
    if (!room.value || !held.length) return; // before the welcome it is not known which case this is
    const acts = held;
    held = [];
    if (position.value >= 0) for (const act of acts) say('annotation', toldOf(act, position.value), act.client);
  };
  onAct((act) => {
    if (!act.body.points) return; // key images and answers are no drawings
    held.push(act);
    untracked(tell);
  });
  effect(tell);
  effect(() => {
    const here = ['in', 'cut', 'replay'].includes(status.value) && position.value >= 0;
    guestDraws.value = here && status.value !== 'replay' && session.value?.guest !== undefined;
    const next = new Map<string, RoomDrawing>();
    if (here) {
      for (const one of standing(events.value, position.value).values()) {
        next.set(one.id, { ...one, name: nameOf(one.by), colour: colourOf(personOf(one.by)?.colour ?? 0) });
      }
    }
    untracked(() => {
      // What a guest drew is kept by the room alone: after a reload it is theirs again.
      if (guestDraws.value) for (const one of next.values()) if (one.by === me.value) adopt(one);
      inRoom.value = next;
    });
  });
}
