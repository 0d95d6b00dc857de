/** Fetches the decoder a series will need before its first frame does, so that it never queues behind frames. */
import charls from '@cornerstonejs/codec-charls/decodewasm?url';
import jpeg from '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm?url';
import openjpeg from '@cornerstonejs/codec-openjpeg/decodewasm?url';
import openjph from '@cornerstonejs/codec-openjph/wasm?url';

const DECODERS: [RegExp, string][] = [
  [/\.4\.(201|202|203)$/, openjph], [/\.4\.9[01]$/, openjpeg], [/\.4\.8[01]$/, charls], [/\.4\.50$/, jpeg],
];
const warmed = new Set<string>();

export function warmCodec(transferSyntax: string): void {
  const url = DECODERS.find(([pattern]) => pattern.test(transferSyntax))?.[1];
  if (!url || warmed.has(url)) return;
  warmed.add(url);
  fetch(url, { credentials: 'same-origin' }).catch(() => warmed.delete(url));
}
