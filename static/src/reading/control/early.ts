/** The first image before the viewer is here: its preview came with the opening of the study, so it is shown as soon as it
 * is decoded, in the same place and greys as the viewer will show it. What moves it comes with the viewer. */
import { signal } from '@preact/signals';
import { link } from '../dicom/link';
import type { Stack } from '../dicom/series';
import { earlyPicture, hasPreview, type Picture } from '../pixels/picture';
import type { View } from '../viewport';

export interface Early {
  pane: number;
  view: View;
  pixels: ImageData;
}

export const early = signal<Early | null>(null);

/** Milliseconds after which the viewer waits no longer for the first image to be seen, as in a tab nobody looks at. */
const PATIENCE = 1000;
let opened = (): void => undefined;
let shown = (): void => undefined;
/** The opening of the study is here, or will not come: a slow link is free for the viewer. */
const opening = new Promise<void>((resolve) => (opened = resolve));
/** The first image stands on the screen, or will not before the viewer is here: the page has time for the viewer. */
const seen = new Promise<void>((resolve) => (shown = resolve));

export function openingHere(): void {
  opened();
  setTimeout(shown, PATIENCE);
}

/** Resolves when the viewer may begin: what it begins with takes the page's one thread for a quarter of a second and more,
 * so the first image is shown before that. It is fetched and compiled meanwhile, when the link is free for it. */
export async function viewersTurn(): Promise<void> {
  if (link.slow === false) return;
  await opening;
  const address = document.querySelector<HTMLMetaElement>('meta[name="viewer"]')?.content;
  if (address) document.head.append(Object.assign(document.createElement('link'), { rel: 'modulepreload', href: address }));
  await seen;
}

const decoder = () => import('../pixels/early');

/** Makes the decoder ready while the image is still on its way; not where previews are not wanted. */
export function expectEarly(): void {
  if (link.slow !== false) decoder().then(({ ready }) => ready()).catch(() => undefined);
}

/** Shows the frame `at` of a stack, when its preview is here. Never fails: the viewer shows it too. */
export async function showEarly(pane: number, box: HTMLElement | undefined, stack: Stack, at: number, still: () => boolean): Promise<void> {
  const frame = stack.frames[at];
  if (!frame || !box || !hasPreview(frame.id) || frame.spacing[0] !== frame.spacing[1]) return shown();
  try {
    const { decode, canvasPixels } = await decoder();
    const picture = await earlyPicture(frame, decode);
    if (!picture || !still()) return shown();
    early.value = { pane, view: viewOf(picture, box, at, stack.frames.length), pixels: canvasPixels(picture) };
    requestAnimationFrame(() => setTimeout(shown));
  } catch {
    shown(); // what cannot be decoded here is decoded, or refused with a word, by the viewer
  }
}

/** The viewer has drawn: a frame later its own image is on the screen. */
export function overtaken(pane: number): void {
  if (early.peek()?.pane === pane) requestAnimationFrame(() => forgetEarly(pane));
}

/** Something else is put there. */
export function forgetEarly(pane: number): void {
  if (early.peek()?.pane === pane) early.value = null;
}

/** As the viewer says it of an image that fills its box. */
export function viewOf(picture: Picture, { clientWidth, clientHeight }: { clientWidth: number; clientHeight: number }, index: number, count: number): View {
  const { rows, columns, frame, choices } = picture;
  const scale = Math.min(clientWidth / columns, clientHeight / rows);
  return {
    index, count, frame, picture,
    voi: choices[0]?.voi ?? null, chosen: false, name: choices[0]?.explanation ?? '', invert: false,
    zoom: scale * (window.devicePixelRatio || 1), onScreen: { row: [1, 0], column: [0, 1] },
    origin: [(clientWidth - scale * (columns - 1)) / 2, (clientHeight - scale * (rows - 1)) / 2], pixel: [scale, scale],
    waiting: false, error: null,
  };
}
