/** Going to a named image, as key images and answers do: series, image, and the window it was shown with. */
import { active, panes, screen, show, stack } from './room';

export interface Place {
  series: string;
  sop: string;
  frame: number;
  /** Width and centre in the unit of the values; null is what the image asks for; left as it is when not given. */
  window?: readonly [number, number] | null;
  invert?: boolean;
}

/** Shows the image in the active viewport; false when it is not there (any more). */
export async function goTo(place: Place): Promise<boolean> {
  const index = active.value;
  const found = await stack(place.series).catch(() => null);
  const at = found?.frames.findIndex((frame) => frame.instance.uid === place.sop && frame.number === place.frame) ?? -1;
  if (at < 0) return false;
  const pane = panes[index]?.value;
  if (pane?.series === place.series && pane.state === 'stack') screen(index)?.go(at);
  else await show(index, place.series, at);
  const now = screen(index);
  if (place.window) {
    const fn = now?.window()?.fn ?? 'LINEAR';
    now?.setWindow({ width: place.window[0], center: place.window[1], fn });
  } else if (place.window === null) now?.setDefault();
  if (place.invert !== undefined) now?.setInvert(place.invert);
  return true;
}
