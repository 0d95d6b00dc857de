/** The study that was read last in this window: the way back from the reading room leads to its row. */
const KEPT = 'hoichan.read';

/** Its page, as `pageOf` of common/at.ts has it; empty when there is none. */
export function lastRead(): string {
  try {
    return sessionStorage.getItem(KEPT) ?? '';
  } catch {
    return '';
  }
}

export function noteRead(page: string): void {
  try {
    sessionStorage.setItem(KEPT, page);
  } catch {
    // Then the list begins at its top.
  }
}
