/** Window presets by modality, for keys 1 to 8; 0 is what the instance itself asks for. */
import type { Window } from '../pixels/grey';

export interface Preset {
  key: number;
  name: 'softTissue' | 'lung' | 'liver' | 'bone' | 'brain' | 'mediastinum' | 'stroke' | 'vessel' | 'full' | 'narrow' | 'wide' | 'bright' | 'dark';
  /** Of the object in HU, or made from what the image holds. */
  window: (span: { min: number; max: number; window: Window }) => Window;
}

const ct = (key: number, name: Preset['name'], width: number, center: number): Preset => ({
  key, name, window: () => ({ center, width, fn: 'LINEAR' }),
});

export const CT: readonly Preset[] = [
  ct(1, 'softTissue', 400, 40), ct(2, 'lung', 1500, -600), ct(3, 'liver', 150, 90), ct(4, 'bone', 2500, 480),
  ct(5, 'brain', 80, 40), ct(6, 'mediastinum', 350, 40), ct(7, 'stroke', 40, 40), ct(8, 'vessel', 600, 200),
];

/** Where values have no fixed meaning, presets vary the window the image came with. */
const RELATIVE: readonly Preset[] = [
  { key: 1, name: 'full', window: ({ min, max }) => ({ center: (min + max) / 2, width: Math.max(max - min, 1e-6), fn: 'LINEAR_EXACT' }) },
  { key: 2, name: 'narrow', window: ({ window }) => ({ ...window, width: window.width * 0.6 }) },
  { key: 3, name: 'wide', window: ({ window }) => ({ ...window, width: window.width * 1.6 }) },
  { key: 4, name: 'bright', window: ({ window }) => ({ ...window, center: window.center - window.width * 0.2 }) },
  { key: 5, name: 'dark', window: ({ window }) => ({ ...window, center: window.center + window.width * 0.2 }) },
];

export function presetsFor(modality: string, valueUnit: string): readonly Preset[] {
  return modality === 'CT' && valueUnit === 'HU' ? CT : RELATIVE;
}
