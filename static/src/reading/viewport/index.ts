/** The only door to Cornerstone3D: this folder is loaded as one late chunk, and nothing else imports the library. */
import { RenderingEngine, Enums, cache, eventTarget, getConfiguration, imageLoadPoolManager, imageRetrievalPoolManager, init as initCore, setUseCPURendering, type StackViewport } from '@cornerstonejs/core';
import { init as initLoader } from '@cornerstonejs/dicom-image-loader';
import { Enums as ToolEnums, annotation as annotations, cancelActiveManipulations, init as initTools, utilities as toolUtilities } from '@cornerstonejs/tools';
import type { Frame } from '../dicom/instance';
import type { Drawing, Drawn, Look } from '../control/drawing';
import type { Tool } from '../control/keyboard';
import type { Stats } from '../control/readings';
import { watchLink } from '../dicom/link';
import { patientName } from '../dicom/names';
import * as drawings from './drawings';
import type { Picture } from '../pixels/picture';
import { ahead, finish, forget, installLoader, isCached, isPreview, pictureIn, type Progressed } from './loader';
import { frameOf, imageIdOf, installProvider, register } from './provider';
import { Screen, type View } from './screen';
import { addToGroup, choose, installTools, linesOf, removeFromGroup } from './tools';
import { warmCodec } from './warm';

export type { Screen, View, Cursor } from './screen';

const ENGINE = 'reading';

export interface Annotation {
  uid: string;
  tool: string;
  frame: string;
  lines: string[];
  /** The handles, in pixels of the frame: column and row. */
  points: [number, number][];
  stats: Stats;
}

export interface Told {
  view: (id: string, view: View) => void;
  /** A viewport has drawn its image. */
  rendered: (id: string) => void;
  frame: (frameId: string, state: Progressed | 'removed', error?: unknown) => void;
  annotated: () => void;
  drawn: (id: string, what: Drawn) => void;
}

export class Viewer {
  readonly screens = new Map<string, Screen>();
  private readonly engine = new RenderingEngine(ENGINE);

  constructor(private readonly told: Told, readonly software: boolean) {}

  enable(id: string, element: HTMLDivElement): Screen {
    const known = this.screens.get(id);
    if (known) return known;
    this.engine.enableElement({ viewportId: id, type: Enums.ViewportType.STACK, element, defaultOptions: { background: [0, 0, 0] } });
    addToGroup(id, ENGINE);
    const screen = new Screen(this.engine.getViewport<StackViewport>(id), element, (view) => this.told.view(id, view), () => this.told.rendered(id));
    this.screens.set(id, screen);
    return screen;
  }

  disable(id: string): void {
    if (!this.screens.delete(id)) return;
    removeFromGroup(id, ENGINE);
    this.engine.disableElement(id);
  }

  /** After the boxes have another size: what filled its box fills the new one, what was zoomed or moved stays. */
  resize(): void {
    if (!this.screens.size) return;
    const whole = [...this.screens.values()].filter((screen) => screen.whole);
    this.engine.resize(true, true);
    for (const screen of whole) screen.fit();
  }

  choose(tool: Tool): void {
    choose(tool);
  }

  /** Makes frames known and says whether one is in memory; `ahead` brings it there. */
  register(frames: readonly Frame[]): void {
    register(frames);
  }

  has(frame: Frame): boolean {
    return isCached(imageIdOf(frame));
  }

  ahead(frame: Frame): Promise<unknown> {
    return ahead(imageIdOf(frame));
  }

  /** Whose image this is, as the image itself says; here, because the page that waits for its first image is kept small. */
  nameOf(frame: Frame): string {
    return patientName(frame.instance.dataset);
  }

  /** Whether only the preview of a frame is here; `finish` fetches the frame itself. */
  isPreview(frame: Frame): boolean {
    return isPreview(imageIdOf(frame));
  }

  /** What is in memory of a frame; null when it is not here. */
  picture(frame: Frame): Picture | null {
    return pictureIn(imageIdOf(frame));
  }

  finish(frame: Frame, urgency: 'now' | 'soon'): Promise<void> {
    return finish(imageIdOf(frame), urgency);
  }

  /** The preview of a frame has become the frame: drawn again wherever it is shown, and measured again. */
  finished(frameId: string): void {
    this.screens.forEach((screen) => screen.finishedFrame(frameId));
    let measured = false;
    for (const one of this.raw()) {
      if (frameOf(one.metadata?.referencedImageId ?? '')?.id !== frameId) continue;
      one.invalidated = true;
      measured = true;
    }
    if (measured) this.redraw();
  }

  forget(frame: Frame): void {
    forget(imageIdOf(frame));
  }

  /** Whether fetching ahead would push out what was fetched before. */
  get full(): boolean {
    return cache.getCacheSize() > cache.getMaxCacheSize() * 0.9;
  }

  get cached(): number {
    return cache.getCacheSize();
  }

  /** A drawing as it is now; null while it is not finished. */
  drawing(id: string): Drawing | null {
    return drawings.read(id, this.corner);
  }

  drawingIds(): string[] {
    return this.raw().flatMap((one) => one.annotationUID ?? []);
  }

  /** Shows a drawing; false while its frame is not known. `redraw` makes it seen. */
  place(drawing: Drawing, look: Look): boolean {
    return drawings.place(drawing, look, this.corner);
  }

  drop(id: string): void {
    drawings.drop(id);
  }

  /** The drawing that is selected and may be changed. */
  get selected(): string | undefined {
    return drawings.selected();
  }

  select(id: string): void {
    drawings.select(id);
    this.redraw();
  }

  private get corner(): number {
    return this.software ? 0.5 : 0;
  }

  cancel(): void {
    for (const { element } of this.screens.values()) cancelActiveManipulations(element);
    annotations.selection.deselectAnnotation();
    this.redraw();
  }

  annotations(): Annotation[] {
    return this.raw().map((one) => {
      const data = one.data as { cachedStats?: Record<string, Stats> };
      const imageId = one.metadata?.referencedImageId ?? '';
      return {
        uid: one.annotationUID ?? '',
        tool: one.metadata?.toolName ?? '',
        frame: frameOf(imageId)?.id ?? '',
        lines: linesOf(data),
        points: (one.data.handles?.points ?? []).map((point) => drawings.onFrame(point, frameOf(imageId))),
        stats: plain(Object.values(data.cachedStats ?? {})[0] ?? {}),
      };
    });
  }

  /** Draws measurements again, as after a change of language. */
  redraw(): void {
    const ids = [...this.screens.keys()];
    if (ids.length) toolUtilities.triggerAnnotationRenderForViewportIds(ids);
    this.told.annotated();
  }

  warm(transferSyntax: string): void {
    warmCodec(transferSyntax);
  }

  private raw(): ReturnType<typeof drawings.all> {
    return drawings.all();
  }
}

/** Starts Cornerstone once. Without WebGL it draws in software, with the same greys. */
export function start(told: Told): Viewer {
  const software = !hasWebGl() || new URLSearchParams(location.search).get('render') === 'cpu';
  // One drawing context for all viewports, each of which is copied from it: seven, as it would have, are made one by one.
  const preset = getConfiguration();
  initCore({ ...preset, rendering: { ...preset.rendering, webGlContextCount: 1 } });
  if (software) setUseCPURendering(true);
  const cores = navigator.hardwareConcurrency || 2;
  initLoader({ maxWebWorkers: Math.max(1, Math.min(4, cores - 1)) });
  initTools();
  for (const type of [Enums.RequestType.Interaction, Enums.RequestType.Thumbnail, Enums.RequestType.Prefetch]) {
    imageRetrievalPoolManager.setMaxSimultaneousRequests(type, 6);
    imageLoadPoolManager.setMaxSimultaneousRequests(type, 6);
  }
  cache.setMaxCacheSize(memory());
  installProvider();
  watchLink();
  let viewer: Viewer | null = null;
  installLoader((frameId, state, error) => {
    told.frame(frameId, state, error);
    if (state === 'finished') viewer?.finished(frameId);
    if (state === 'failed') viewer?.screens.forEach((screen) => screen.failedFrame(frameId, error));
  });
  installTools((id, dx, dy) => viewer?.screens.get(id)?.drag(dx, dy));
  eventTarget.addEventListener(Enums.Events.IMAGE_CACHE_IMAGE_REMOVED, (event: Event) => {
    const frame = frameOf((event as CustomEvent<{ imageId: string }>).detail.imageId);
    if (frame) told.frame(frame.id, 'removed');
  });
  const { Events } = ToolEnums;
  const happened = [[Events.ANNOTATION_COMPLETED, 'done'], [Events.ANNOTATION_MODIFIED, 'changed'], [Events.ANNOTATION_REMOVED, 'removed']] as const;
  for (const [event, what] of happened) {
    eventTarget.addEventListener(event, (seen: Event) => {
      const id = (seen as CustomEvent<{ annotation?: { annotationUID?: string } }>).detail.annotation?.annotationUID;
      if (id) told.drawn(id, what);
      told.annotated();
    });
  }
  viewer = new Viewer(told, software);
  return viewer;
}

/** A quarter of the device's memory, between 256 MB and 1 GB. */
function memory(): number {
  const gigabytes = (navigator as { deviceMemory?: number }).deviceMemory ?? 4;
  return Math.min(1024, Math.max(256, gigabytes * 256)) * 1024 * 1024;
}

function hasWebGl(): boolean {
  return Boolean(document.createElement('canvas').getContext('webgl2'));
}

function plain(stats: Stats): Stats {
  const { length, unit, angle, area, areaUnit, mean, stdDev, min, max, value, index } = stats;
  return { length, unit, angle, area, areaUnit, mean, stdDev, min, max, value, index };
}
