/** The tools of the reading room on one Cornerstone tool group, and what is written beside a measurement. */
import {
  AngleTool, ArrowAnnotateTool, BaseTool, EllipticalROITool, Enums, LengthTool, PanTool, ProbeTool, RectangleROITool, StackScrollTool,
  ToolGroupManager, ZoomTool, addTool, annotation, type Types,
} from '@cornerstonejs/tools';
import type { Tool } from '../control/keyboard';
import { readings, type Stats } from '../control/readings';
import { reading } from '../strings';
import { isPreview } from './loader';
import { frameOf, imageIdOf } from './provider';

const GROUP = 'reading';
const { MouseBindings } = Enums;

type Drag = (viewportId: string, dx: number, dy: number) => void;
let onWindowDrag: Drag = () => undefined;

/** Width and centre by dragging; the window itself is kept by our screen, not by Cornerstone. */
class WindowTool extends BaseTool {
  static override toolName = 'HoichanWindow';

  constructor(props = {}) {
    super(props, { supportedInteractionTypes: ['Mouse', 'Touch'], configuration: {} });
  }

  mouseDragCallback(event: Types.EventTypes.InteractionEventType): void {
    const { viewportId, deltaPoints } = event.detail as { viewportId: string; deltaPoints: { canvas: [number, number] } };
    onWindowDrag(viewportId, deltaPoints.canvas[0], deltaPoints.canvas[1]);
  }

  touchDragCallback(event: Types.EventTypes.InteractionEventType): void {
    this.mouseDragCallback(event);
  }
}

const NAMES: Record<Tool, string> = {
  window: nameOf(WindowTool), pan: nameOf(PanTool), zoom: nameOf(ZoomTool), scroll: nameOf(StackScrollTool), length: nameOf(LengthTool),
  angle: nameOf(AngleTool), ellipse: nameOf(EllipticalROITool), rectangle: nameOf(RectangleROITool), probe: nameOf(ProbeTool),
  arrow: nameOf(ArrowAnnotateTool),
};

export function installTools(windowDrag: Drag): void {
  onWindowDrag = windowDrag;
  const classes = [WindowTool, PanTool, ZoomTool, StackScrollTool, LengthTool, AngleTool, EllipticalROITool, RectangleROITool, ProbeTool, ArrowAnnotateTool];
  classes.forEach((one) => addTool(one));
  const group = ToolGroupManager.createToolGroup(GROUP);
  if (!group) return;
  const getTextLines = (data: { cachedStats?: Record<string, Stats> }, targetId: string | string[]): string[] =>
    linesOf(data, Array.isArray(targetId) ? targetId[0] : targetId);
  // An arrow is kept as it is drawn; its words are written beside it, in the panel.
  const getTextCallback = (done: (text: string) => void): void => done(' ');
  for (const name of Object.values(NAMES)) group.addTool(name, { getTextLines, getTextCallback, changeTextCallback: () => undefined, shadow: true });
  annotation.config.style.setDefaultToolStyles({
    global: {
      ...annotation.config.style.getDefaultToolStyles().global,
      color: 'rgb(255, 214, 92)', colorHighlighted: 'rgb(140, 198, 255)', colorSelected: 'rgb(140, 198, 255)', colorLocked: 'rgb(255, 214, 92)',
      lineWidth: '1.5', lineDash: '', textBoxFontFamily: 'Inter, Noto Sans, sans-serif', textBoxFontSize: '13px',
      textBoxColor: 'rgb(255, 226, 140)', textBoxColorHighlighted: 'rgb(170, 212, 255)', textBoxColorSelected: 'rgb(170, 212, 255)',
      textBoxLinkLineWidth: '1', textBoxLinkLineDash: '2,3', textBoxBackground: 'rgba(0, 0, 0, 0.55)',
    },
  });
}

function nameOf(one: { toolName: unknown }): string {
  return String(one.toolName);
}

export function addToGroup(viewportId: string, engineId: string): void {
  ToolGroupManager.getToolGroup(GROUP)?.addViewport(viewportId, engineId);
}

export function removeFromGroup(viewportId: string, engineId: string): void {
  ToolGroupManager.getToolGroup(GROUP)?.removeViewports(engineId, viewportId);
}

/** Left button and one finger get the tool; the other buttons keep what they always do. */
export function choose(tool: Tool): void {
  const group = ToolGroupManager.getToolGroup(GROUP);
  if (!group) return;
  const always: Record<string, { mouseButton?: number; numTouchPoints?: number }[]> = {
    [NAMES.zoom]: [{ mouseButton: MouseBindings.Secondary }, { numTouchPoints: 2 }],
    [NAMES.pan]: [{ mouseButton: MouseBindings.Auxiliary }],
    [NAMES.scroll]: [{ mouseButton: MouseBindings.Wheel }],
    [NAMES.window]: [{ mouseButton: MouseBindings.Primary_And_Secondary }],
  };
  for (const name of Object.values(NAMES)) group.setToolPassive(name, { removeAllBindings: true });
  for (const name of Object.values(NAMES)) {
    const bindings = [...(name === NAMES[tool] ? [{ mouseButton: MouseBindings.Primary }] : []), ...(always[name] ?? [])];
    if (bindings.length) group.setToolActive(name, { bindings });
  }
}

/** What is written beside a drawing: what it measures, what somebody wrote, and who, when it was another. */
export function linesOf(data: { cachedStats?: Record<string, Stats>; label?: string; by?: string }, targetId?: string): string[] {
  const key = targetId ?? Object.keys(data.cachedStats ?? {})[0] ?? '';
  const stats = data.cachedStats?.[key];
  const frame = frameOf(key.replace(/^imageId:/, ''));
  if (!stats || !frame) return [];
  const measured = isPreview(imageIdOf(frame)) ? [...readings(stats, frame), reading('onPreview')] : readings(stats, frame);
  return [...measured, ...(data.label ? shortened(data.label) : []), ...(data.by ? [data.by] : [])];
}

/** The image is not the place for long texts: the panel has all of it. */
function shortened(text: string): string[] {
  const line = text.split('\n')[0] ?? '';
  return line.length > 60 || line !== text ? [`${line.slice(0, 59)}…`] : [line];
}
