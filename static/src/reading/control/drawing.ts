/** What is drawn on a frame, in words that neither the server nor Cornerstone owns. */
import type { Tool } from './keyboard';

export type DrawingTool = Exclude<Tool, 'window' | 'pan' | 'zoom' | 'scroll'>;
export type Point = [number, number];

export const DRAWN_WITH: Readonly<Record<DrawingTool, number>> = { length: 2, angle: 3, ellipse: 4, rectangle: 4, probe: 1, arrow: 2 };

export interface Drawing {
  id: string;
  tool: DrawingTool;
  /** The id of the frame. */
  frame: string;
  /** Column and row, 0 in the centre of the first pixel. */
  points: Point[];
  /** Where its words were moved to. */
  box: Point | null;
}

/** How a drawing is shown. */
export interface Look {
  text: string;
  /** Who drew it, when it was somebody else. */
  by: string;
  colour: string;
  locked: boolean;
  hidden: boolean;
}

/** What happened to a drawing under somebody's hand. */
export type Drawn = 'done' | 'changed' | 'removed';
