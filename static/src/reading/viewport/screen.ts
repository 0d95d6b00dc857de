/** One viewport: a stack of frames, its window, its turns. The grey of every pixel is made by our own stage. */
import { Enums, type StackViewport, type Types } from '@cornerstonejs/core';
import type { Frame } from '../dicom/instance';
import type { OnScreen } from '../dicom/orientation';
import { dragged, windowOfTable, type Voi, type Window } from '../pixels/grey';
import type { Picture } from '../pixels/picture';
import { forget, paint, sooner, type HoichanImage } from './loader';
import { frameOf, register } from './provider';

const { Events } = Enums;

/** What the rest of the page may know of a viewport. */
export interface View {
  index: number;
  count: number;
  frame: Frame | null;
  picture: Picture | null;
  /** The VOI in use, whether somebody chose it, and its name. */
  voi: Voi | null;
  chosen: boolean;
  name: string;
  invert: boolean;
  zoom: number;
  onScreen: OnScreen | null;
  /** Where the centre of the first pixel lies on the element, in CSS pixels. */
  origin: readonly [number, number] | null;
  /** CSS pixels that one image pixel takes, along a row and down a column. */
  pixel: readonly [number, number];
  waiting: boolean;
  error: unknown;
}

export interface Cursor {
  x: number;
  y: number;
  value: number | readonly number[] | null;
}

/** What Cornerstone does not declare but this module builds on; the version is pinned exactly. */
interface Inside {
  _updateActorToDisplayImageId: (this: unknown, image: Types.IImage) => void;
  _updateToDisplayImageCPU: (this: unknown, image: Types.IImage) => void;
  _updateVTKImageDataFromCornerstoneImage(image: Types.IImage): void;
  _cpuFallbackEnabledElement?: { renderingTools: object };
  cpuRenderingInvalidated: boolean;
  useCPURendering: boolean;
  imageIds: string[];
  imageKeyToIndexMap: Map<string, number>;
  currentImageIdIndex: number;
  targetImageIdIndex: number;
  flipHorizontal: boolean;
  flipVertical: boolean;
}

export class Screen {
  private voi: Voi | null = null;
  private name = '';
  private invert = false;
  private wanted = -1;
  private error: unknown = null;
  private generation = 0;
  private told = false;
  private overtaken: () => void = () => undefined;

  constructor(
    private readonly viewport: StackViewport,
    readonly element: HTMLDivElement,
    private readonly tell: (view: View) => void,
    rendered: () => void,
  ) {
    const inside = this.inside;
    for (const method of ['_updateActorToDisplayImageId', '_updateToDisplayImageCPU'] as const) {
      const original = inside[method];
      inside[method] = (image) => {
        paint(image as HoichanImage, this.voi, this.invert);
        original.call(viewport, image);
      };
    }
    element.addEventListener(Events.PRE_STACK_NEW_IMAGE, (event) => this.onWanted((event as CustomEvent<{ imageId: string }>).detail.imageId));
    element.addEventListener(Events.STACK_NEW_IMAGE, () => this.onShown());
    element.addEventListener(Events.CAMERA_MODIFIED, () => this.changed());
    element.addEventListener(Events.IMAGE_RENDERED, () => {
      if (this.image) rendered();
      this.changed();
    });
  }

  private get inside(): Inside {
    return this.viewport as unknown as Inside;
  }

  private get image(): HoichanImage | null {
    return this.count ? ((this.viewport.getCornerstoneImage() as HoichanImage | undefined) ?? null) : null;
  }

  /** The software path counts from the corner of the first pixel, the other from its centre. */
  private get corner(): number {
    return this.inside.useCPURendering ? 0.5 : 0;
  }

  get count(): number {
    return this.viewport.getImageIds()?.length ?? 0;
  }

  get index(): number {
    return this.count ? Math.max(0, this.viewport.getTargetImageIdIndex()) : 0;
  }

  /** Shows a stack from its frame `index` on, as the instances themselves want to be seen. */
  async show(frames: readonly Frame[], index: number): Promise<void> {
    const generation = ++this.generation;
    this.voi = null;
    this.name = '';
    this.invert = false;
    this.error = null;
    // Cornerstone never answers who asked for an image that was scrolled past before it came.
    let past = false;
    const overtaken = new Promise<void>((resolve) => (this.overtaken = () => { past = true; resolve(); }));
    await Promise.race([this.viewport.setStack(register(frames), index).catch((error: unknown) => this.failed(error)), overtaken]);
    if (past || generation !== this.generation) return;
    this.viewport.resetCamera();
    this.viewport.render();
    this.changed();
  }

  /** More frames of the same series: what is shown stays, only its number may change. */
  extend(frames: readonly Frame[]): void {
    const current = this.viewport.getCurrentImageId();
    const imageIds = register(frames);
    const at = Math.max(0, imageIds.indexOf(current));
    const inside = this.inside;
    inside.imageIds = imageIds;
    inside.imageKeyToIndexMap.clear();
    imageIds.forEach((imageId, index) => inside.imageKeyToIndexMap.set(imageId, index));
    inside.currentImageIdIndex = at;
    inside.targetImageIdIndex = at;
    this.changed();
  }

  go(index: number): void {
    const to = Math.min(Math.max(0, index), this.count - 1);
    if (to < 0 || to === this.index) return;
    this.overtaken();
    this.viewport.setImageIdIndex(to).catch((error: unknown) => this.failed(error));
  }

  scroll(by: number, loop = false): void {
    const { count } = this;
    if (count) this.go(loop ? (this.index + by + count) % count : this.index + by);
  }

  retry(): void {
    const imageId = this.viewport.getImageIds()[this.index];
    if (!imageId) return;
    forget(imageId);
    this.error = null;
    this.inside.currentImageIdIndex = -1;
    this.viewport.setImageIdIndex(this.index).catch((error: unknown) => this.failed(error));
  }

  /** The window in use, as a window even where a table shows the image. */
  window(): Window | null {
    const voi = this.voi ?? this.image?.picture.choices[0]?.voi;
    if (!voi) return null;
    return voi.kind === 'window' ? voi.window : windowOfTable(voi.table);
  }

  span(): { min: number; max: number } {
    const grid = this.image?.picture.grid;
    return { min: grid?.min ?? 0, max: grid?.max ?? 255 };
  }

  /** What the instance asks for: null, or one of its other choices by number. */
  setDefault(choice = 0): void {
    const found = choice ? this.image?.picture.choices[choice] : undefined;
    this.voi = found?.voi ?? null;
    this.name = found?.explanation ?? '';
    this.repaint();
  }

  setWindow(window: Window, name = ''): void {
    if (!this.image?.picture.grid) return;
    this.voi = { kind: 'window', window };
    this.name = name;
    this.repaint();
  }

  drag(dx: number, dy: number): void {
    const window = this.window();
    const { min, max } = this.span();
    if (window) this.setWindow(dragged(window, dx, dy, max - min));
  }

  setInvert(invert: boolean): void {
    this.invert = invert;
    this.repaint();
  }

  toggleInvert(): void {
    this.setInvert(!this.invert);
  }

  rotate(by: number): void {
    const rotation = ((this.viewport.getViewPresentation().rotation ?? 0) + by + 360) % 360;
    this.viewport.setViewPresentation({ rotation });
    this.viewport.render();
  }

  flip(way: 'horizontal' | 'vertical'): void {
    const { flipHorizontal = false, flipVertical = false } = this.viewport.getCamera();
    this.viewport.setCamera(way === 'horizontal' ? { flipHorizontal: !flipHorizontal } : { flipVertical: !flipVertical });
    this.viewport.render();
  }

  /** Whether the image fills its box, neither zoomed nor moved. */
  get whole(): boolean {
    if (!this.image) return false;
    const [x, y] = this.viewport.getPan();
    return Math.abs(this.viewport.getZoom() - 1) < 0.001 && Math.hypot(x, y) < 0.5;
  }

  fit(): void {
    const kept = this.viewport.getViewPresentation({ rotation: true, flipHorizontal: true, flipVertical: true, zoom: false, pan: false, displayArea: false });
    this.viewport.resetCamera();
    this.viewport.setViewPresentation({ rotation: kept.rotation, flipHorizontal: kept.flipHorizontal, flipVertical: kept.flipVertical });
    this.viewport.render();
  }

  zoomBy(factor: number): void {
    this.viewport.setZoom(Math.min(60, Math.max(0.05, this.viewport.getZoom() * factor)));
    this.viewport.render();
  }

  reset(): void {
    this.voi = null;
    this.name = '';
    this.invert = false;
    this.viewport.resetCamera();
    this.repaint();
  }

  /** The pixel under a point of the element, and its value. */
  at(clientX: number, clientY: number): Cursor | null {
    const { image } = this;
    if (!image) return null;
    const box = this.element.getBoundingClientRect();
    const world = this.viewport.canvasToWorld([clientX - box.left, clientY - box.top]);
    const data = this.viewport.getImageData()?.imageData as { worldToIndex(point: Types.Point3): number[] } | undefined;
    if (!data || !world) return null;
    const [i = -1, j = -1] = data.worldToIndex(world);
    const [x, y] = [Math.round(i - this.corner), Math.round(j - this.corner)];
    const { rows, columns, grid, rgb, source } = image.picture;
    if (x < 0 || y < 0 || x >= columns || y >= rows) return null;
    const at = y * columns + x;
    if (grid) return { x, y, value: grid.values[at] ?? null };
    return { x, y, value: rgb && source !== 'server' ? [...rgb.subarray(at * 3, at * 3 + 3)] : null };
  }

  get presentation(): { flipHorizontal: boolean; flipVertical: boolean; rotation: number } {
    const { flipHorizontal, flipVertical } = this.inside;
    return { flipHorizontal, flipVertical, rotation: Math.round(this.viewport.getViewPresentation().rotation ?? 0) % 360 };
  }

  /** Where the camera looks, in the patient: focal point in mm, extent of the smaller side in mm, turns. */
  get camera(): number[] | null {
    if (!this.image) return null;
    const { focalPoint, parallelScale } = this.viewport.getCamera();
    const { flipHorizontal, flipVertical, rotation } = this.presentation;
    if (!focalPoint || !parallelScale) return null;
    const numbers = [...focalPoint, 2 * parallelScale * Math.min(1, this.aspect), rotation];
    return [...numbers.map((one) => Math.round(one * 10) / 10), Number(flipHorizontal), Number(flipVertical)];
  }

  /** Looks from there; the smaller side of this viewport shows the same extent. */
  setCamera(camera: readonly number[]): void {
    const [x = 0, y = 0, z = 0, extent = 0, rotation = 0, horizontal = 0, vertical = 0] = camera;
    if (!this.image || extent <= 0) return;
    this.viewport.setViewPresentation({ rotation, flipHorizontal: horizontal === 1, flipVertical: vertical === 1 });
    const { focalPoint, position, viewPlaneNormal } = this.viewport.getCamera();
    if (!focalPoint || !position || !viewPlaneNormal) return;
    // Within the plane of the image: the frame that is shown here may lie a slice beside.
    const by = [x - focalPoint[0], y - focalPoint[1], z - focalPoint[2]];
    const off = by.reduce((sum, one, axis) => sum + one * (viewPlaneNormal[axis] ?? 0), 0);
    const moved = (from: Types.Point3): Types.Point3 =>
      from.map((one, axis) => one + (by[axis] ?? 0) - off * (viewPlaneNormal[axis] ?? 0)) as Types.Point3;
    this.viewport.setCamera({ focalPoint: moved(focalPoint), position: moved(position), parallelScale: extent / 2 / Math.min(1, this.aspect) });
    this.viewport.render();
  }

  private get aspect(): number {
    return this.element.clientWidth / (this.element.clientHeight || 1);
  }

  /** Again with the present window; the image itself is not fetched or decoded again. */
  private repaint(): void {
    const { image, inside } = this;
    if (!image) return;
    paint(image, this.voi, this.invert);
    if (inside.useCPURendering) {
      inside.cpuRenderingInvalidated = true;
      if (inside._cpuFallbackEnabledElement) inside._cpuFallbackEnabledElement.renderingTools = {};
    } else {
      inside._updateVTKImageDataFromCornerstoneImage(image);
    }
    this.viewport.render();
    this.changed();
  }

  private onWanted(imageId: string): void {
    sooner(imageId);
    this.wanted = this.viewport.getImageIds().indexOf(imageId);
    this.error = null;
    this.changed();
  }

  private onShown(): void {
    this.wanted = -1;
    this.error = null;
    this.changed();
  }

  /** The preview that is shown has become the frame itself. */
  finishedFrame(frameId: string): void {
    const { image } = this;
    if (image?.picture.frame.id === frameId) this.repaint();
  }

  /** The image that is wanted could not be had; an older one must not stand in for it. */
  failedFrame(frameId: string, error: unknown): void {
    const imageId = this.count ? this.viewport.getImageIds()[this.index] : undefined;
    if (imageId && frameOf(imageId)?.id === frameId) this.failed(error);
  }

  private failed(error: unknown): void {
    this.wanted = -1;
    this.error = error;
    this.changed();
  }

  /** At most once a frame. */
  private changed(): void {
    if (this.told) return;
    this.told = true;
    requestAnimationFrame(() => {
      this.told = false;
      this.tell(this.view());
    });
  }

  private view(): View {
    const { index, image } = this;
    const imageId = this.count ? this.viewport.getImageIds()[index] : undefined;
    const shown = image?.imageId === imageId ? image : null;
    return {
      index,
      count: this.count,
      frame: (imageId && frameOf(imageId)) || null,
      picture: shown?.picture ?? null,
      voi: this.voi ?? shown?.picture.choices[0]?.voi ?? null,
      chosen: this.voi !== null,
      name: this.voi ? this.name : (shown?.picture.choices[0]?.explanation ?? ''),
      invert: this.invert,
      ...this.geometry(),
      waiting: !this.error && (this.wanted >= 0 || !shown),
      error: this.error,
    };
  }

  private geometry(): Pick<View, 'zoom' | 'onScreen' | 'origin' | 'pixel'> {
    const data = this.image && (this.viewport.getImageData()?.imageData as { indexToWorld(point: Types.Point3): Types.Point3 } | undefined);
    if (!data) return { zoom: 1, onScreen: null, origin: null, pixel: [1, 1] };
    const step = 100;
    const c = this.corner;
    const on = (point: Types.Point3): Types.Point2 => this.viewport.worldToCanvas([...data.indexToWorld(point)] as Types.Point3);
    const [origin, row, column] = [on([c, c, 0]), on([step + c, c, 0]), on([c, step + c, 0])];
    const vector = (to: Types.Point2): [number, number] => [(to[0] - origin[0]) / step, (to[1] - origin[1]) / step];
    const across = vector(row);
    const down = vector(column);
    const unit = ([x, y]: [number, number]): [number, number] => {
      const size = Math.hypot(x, y) || 1;
      return [x / size, y / size];
    };
    return { zoom: Math.hypot(...across) * (window.devicePixelRatio || 1), onScreen: { row: unit(across), column: unit(down) }, origin: [origin[0], origin[1]], pixel: [Math.hypot(...across), Math.hypot(...down)] };
  }
}
