/** By which door something came, in words. */
import { words } from './strings';

export function doorName(door: string): string {
  const key = `door.${door}`;
  return key in words.vi ? words(key as keyof typeof words.vi & `door.${string}`) : door;
}
