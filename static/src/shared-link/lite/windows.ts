/** Window presets of quick view: of the tissue for CT, around the image's own window elsewhere. */
import { presetsFor } from '../../reading/control/presets';
import type { Frame } from '../../reading/dicom/instance';

export const NAMES = ['softTissue', 'lung', 'mediastinum', 'bone', 'brain', 'liver', 'narrow', 'wide', 'bright', 'dark'] as const;
export type Name = 'default' | (typeof NAMES)[number];

/** The presets for a frame; each is what the server is asked for: "center,width,function", "" for the image's own. */
export function windowsOf(frame: Frame): [Name, string][] {
  const own = frame.windows[0];
  const found: [Name, string][] = [['default', '']];
  if (frame.instance.shape.samples > 1) return found;
  const hounsfield = frame.instance.modality === 'CT' && frame.instance.valueUnit === 'HU';
  if (!hounsfield && !own) return found;
  const span = { min: 0, max: 0, window: own ?? { center: 0, width: 1, fn: 'LINEAR' as const } };
  for (const preset of presetsFor(frame.instance.modality, frame.instance.valueUnit)) {
    const name = NAMES.find((one) => one === preset.name);
    if (!name) continue;
    const { center, width, fn } = preset.window(span);
    found.push([name, `${round(center)},${round(Math.max(width, 1))},${fn.toLowerCase().replace('_', '-')}`]);
  }
  return found;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
