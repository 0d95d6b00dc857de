/** Sentences in one line: who ends one without a mark gets a full stop, so that the next does not run into it. */
export function sentences(parts: readonly string[]): string {
  const said = parts.map((one) => one.trim()).filter(Boolean);
  return said.map((one, at) => (at < said.length - 1 && !/[.!?…:;]$/.test(one) ? `${one}.` : one)).join(' ');
}
