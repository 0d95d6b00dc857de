/** The page takes markup and scripts as text from nobody (`require-trusted-types-for 'script'`). The one thing it loads by
 * an address is the decoder's worker, a file of ours; where a browser knows no such types there is nothing to allow. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string | null }): unknown;
}

/** The address when it is one of our own files, else null: then the browser refuses it. */
export function ownScript(url: string, origin: string = location.origin): string | null {
  if (!URL.canParse(url, origin)) return null;
  const address = new URL(url, origin);
  return address.origin === origin && address.pathname.startsWith('/static/assets/') ? url : null;
}

export function trustOwnScripts(): void {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  types?.createPolicy('default', { createScriptURL: (url) => ownScript(url) });
}
