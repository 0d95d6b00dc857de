/** Letters at the borders of an image: which way is patient Left, Posterior, Head (PS3.3 C.7.6.1.1.1). */

/** Where one step along a row, and one down a column, goes on the screen: x to the right, y down. */
export interface OnScreen {
  row: readonly [number, number];
  column: readonly [number, number];
}

export interface Markers {
  left: string;
  right: string;
  top: string;
  bottom: string;
}

const AXES = [['R', 'L'], ['A', 'P'], ['F', 'H']] as const;

/** The direction in letters, largest part first; parts below a sixth are left out. */
export function letters(vector: readonly number[]): string {
  const size = Math.hypot(...vector) || 1;
  return vector
    .map((value, axis) => ({ part: Math.abs(value) / size, letter: AXES[axis]?.[value < 0 ? 0 : 1] ?? '' }))
    .filter(({ part }) => part > 0.17)
    .sort((a, b) => b.part - a.part)
    .map(({ letter }) => letter)
    .join('');
}

/** The letters around an image as it is shown, whatever turns and flips it has. */
export function markers(orientation: readonly number[] | null, { row, column }: OnScreen): Markers | null {
  if (!orientation || orientation.length !== 6) return null;
  const toward = (axis: 0 | 1, sign: number): string =>
    letters([0, 1, 2].map((i) => sign * (row[axis] * (orientation[i] as number) + column[axis] * (orientation[i + 3] as number))));
  return { right: toward(0, 1), left: toward(0, -1), bottom: toward(1, 1), top: toward(1, -1) };
}

/** From Patient Orientation (0020,0020), which projection images have instead of a geometry. */
export function orientationFromLetters(row: string, column: string): number[] | null {
  const one = (word: string): number[] | null => {
    const first = word.trim().toUpperCase()[0] ?? '';
    for (let axis = 0; axis < 3; axis++) {
      const side = (AXES[axis] as readonly string[]).indexOf(first);
      if (side >= 0) return [0, 1, 2].map((a) => (a === axis ? (side ? 1 : -1) : 0));
    }
    return null;
  };
  const across = one(row);
  const down = one(column);
  return across && down ? [...across, ...down] : null;
}
