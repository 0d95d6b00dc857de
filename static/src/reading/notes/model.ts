/** Annotations as the server tells them, and as the page keeps them. */
import type { DrawingTool, Point } from '../control/drawing';

export type NoteTool = DrawingTool | 'key_image' | 'answer';

export interface Body {
  tool: NoteTool;
  text: string;
  series_instance_uid?: string;
  sop_instance_uid?: string;
  frame_of_reference_uid?: string;
  frame?: number;
  points?: Point[];
  box?: Point;
  /** Width and centre. */
  window?: Point;
  invert?: boolean;
  /** Which annotation is answered. */
  to?: string;
}

export interface Author {
  id: number | string;
  name: string;
}

/** One annotation; `version` is what the server acknowledged, 0 when nothing yet. */
export interface Note {
  id: string;
  version: number;
  sequence: number;
  deleted: boolean;
  author: Author;
  mine: boolean;
  createdAt: number;
  at: number;
  shared: boolean;
  /** The code of the consultation it is shared with. */
  consult: string;
  body: Body;
}

export type Kind = 'put' | 'delete' | 'restore';

export interface Told {
  annotation_id: string;
  version: number;
  sequence: number;
  deleted: boolean;
  author: Author;
  mine: boolean;
  created_at: number;
  at: number;
  shared: boolean;
  consult: string;
  body: Body;
}

export function noteOf(told: Told): Note {
  const { annotation_id: id, created_at: createdAt, version, sequence, deleted, author, mine, at, shared, consult, body } = told;
  return { id, createdAt, version, sequence, deleted, author, mine, at, shared, consult, body };
}

/** The same in one form, to see whether anything changed. */
export function same(a: Body, b: Body): boolean {
  return canonical(a) === canonical(b);
}

function canonical(body: Body): string {
  return JSON.stringify(Object.entries(body).filter(([, value]) => value !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function rounded([x, y]: Point): Point {
  const three = (value: number): number => Math.round(value * 1000) / 1000 || 0;
  return [three(x), three(y)];
}

/** A drawing as it was told in a live room. */
export interface RoomDrawing {
  id: string;
  /** The key of the member who drew it. */
  by: string;
  name: string;
  colour: string;
  at: number;
  deleted: boolean;
  body: Body;
}

/** What is shown: of a note in the room, in its author's colour there. */
export type Shown = Pick<Note, 'id' | 'deleted' | 'mine' | 'author' | 'body'> & { colour?: string };

/** The annotations that are here, and those that only the room knows; one that came both ways is shown once. */
export function together(notes: ReadonlyMap<string, Note>, room: ReadonlyMap<string, RoomDrawing>): Shown[] {
  const both = [...notes.values()].map((note) => (note.mine ? note : { ...note, colour: room.get(note.id)?.colour }));
  const others = [...room.values()].filter((one) => !notes.has(one.id));
  return [...both, ...others.map(({ id, by, name, colour, deleted, body }) => ({ id, deleted, mine: false, author: { id: by, name }, colour, body }))];
}

/** Colours of others, told apart on black and from one's own yellow. */
const COLOURS = [
  'rgb(120, 220, 232)', 'rgb(255, 145, 190)', 'rgb(150, 225, 130)', 'rgb(205, 165, 255)', 'rgb(255, 165, 105)', 'rgb(130, 175, 255)',
  'rgb(235, 235, 235)', 'rgb(240, 120, 110)',
];
export const OWN = 'rgb(255, 214, 92)';

/** Everybody's colour: one's own, then the others' in the order in which they first drew here. */
export function coloursOf(notes: Iterable<Note>): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let others = 0;
  for (const note of [...notes].sort((a, b) => a.createdAt - b.createdAt)) {
    const id = String(note.author.id);
    if (!found.has(id)) found.set(id, note.mine ? OWN : (COLOURS[others++ % COLOURS.length] ?? OWN));
  }
  return found;
}
