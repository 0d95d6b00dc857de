/** Which form the list has on this screen. Heights are fixed, so that nothing jumps when rows arrive. */
import { signal } from '@preact/signals';

export type Layout = 'rows' | 'touch' | 'cards';

export const ROW_HEIGHTS: Record<Layout, number> = { rows: 40, touch: 48, cards: 124 };

const narrow = matchMedia('(max-width: 899px)');
const coarse = matchMedia('(pointer: coarse)');
const roomy = matchMedia('(min-width: 1440px)');

const now = (): Layout => (narrow.matches ? 'cards' : coarse.matches ? 'touch' : 'rows');

export const layout = signal<Layout>(now());
/** Whether there is room for the preview beside the list. */
export const withPreview = signal(roomy.matches);

for (const query of [narrow, coarse, roomy]) {
  query.addEventListener('change', () => {
    layout.value = now();
    withPreview.value = roomy.matches;
  });
}
