/** The three screens of the planes: how large they are, and what of the patient lies under a point of them. */
import { signal } from '@preact/signals';
import { mpr } from '../control/mpr';
import { dot, middleOf, minus, plus, screenOf, type Point, type Which } from './geometry';

/** Width and height in CSS pixels, and the element's place on the page. */
export const sizes = signal<readonly (readonly [number, number])[]>([[0, 0], [0, 0], [0, 0]]);
const elements: (HTMLElement | null)[] = [null, null, null];

const observer = new ResizeObserver(() => measure());

export function place(which: Which, element: HTMLElement | null): void {
  const before = elements[which];
  if (before) observer.unobserve(before);
  elements[which] = element;
  if (element) observer.observe(element);
  measure();
}

function measure(): void {
  const next = elements.map((element) => [element?.clientWidth ?? 0, element?.clientHeight ?? 0] as const);
  if (JSON.stringify(next) !== JSON.stringify(sizes.peek())) sizes.value = next;
}

/** Millimetres that one CSS pixel of a screen takes. */
export function scaleOf(which: Which): number {
  const [width = 1, height = 1] = sizes.value[which] ?? [];
  return (mpr.value?.planes.extent ?? 1) / (Math.min(width, height) || 1);
}

/** The place of the patient under a point of the page. */
export function placeUnder(which: Which, clientX: number, clientY: number): Point | null {
  const [now, element] = [mpr.value, elements[which]];
  if (!now || !element) return null;
  const box = element.getBoundingClientRect();
  const { right, down } = screenOf(now.planes, which);
  const mm = scaleOf(which);
  return plus(plus(middleOf(now.planes, which), right, (clientX - box.left - box.width / 2) * mm), down, (clientY - box.top - box.height / 2) * mm);
}

/** Where a place of the patient is on a screen, in CSS pixels, and how many millimetres it lies off the plane. */
export function onScreen(which: Which, at: Point): { x: number; y: number; off: number } | null {
  const now = mpr.value;
  if (!now) return null;
  const [width = 0, height = 0] = sizes.value[which] ?? [];
  const { right, down, normal } = screenOf(now.planes, which);
  const from = minus(at, middleOf(now.planes, which));
  const mm = scaleOf(which);
  return { x: width / 2 + dot(from, right) / mm, y: height / 2 + dot(from, down) / mm, off: Math.abs(dot(from, normal)) };
}
