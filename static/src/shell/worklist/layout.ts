/** Which form the list has on this screen. Heights are fixed, so that nothing jumps when rows arrive. */
import { computed, signal } from '@preact/signals';

export type Layout = 'rows' | 'touch' | 'cards';

const ROW_HEIGHTS: Record<Layout, number> = { rows: 40, touch: 48, cards: 124 };
const CARD_IN_TWO = 72; // a card whose lines stand beside each other, on a tablet held upright

const narrow = matchMedia('(max-width: 899px)');
const phone = matchMedia('(max-width: 599px)');
const coarse = matchMedia('(pointer: coarse)');
const roomy = matchMedia('(min-width: 1440px)');

const now = (): Layout => (narrow.matches ? 'cards' : coarse.matches ? 'touch' : 'rows');

export const layout = signal<Layout>(now());
const beside = signal(!phone.matches);
export const rowHeight = computed(() => (layout.value === 'cards' && beside.value ? CARD_IN_TWO : ROW_HEIGHTS[layout.value]));
/** Whether there is room for the preview beside the list. */
export const withPreview = signal(roomy.matches);

for (const query of [narrow, phone, coarse, roomy]) {
  query.addEventListener('change', () => {
    layout.value = now();
    beside.value = !phone.matches;
    withPreview.value = roomy.matches;
  });
}
