/** Decodes the preview of the first image in this thread. The viewer's decoders come with its chunk, and their worker alone
 * takes longer to begin than this image takes to be drawn. */
import openJph, { type OpenJph } from '@cornerstonejs/codec-openjph/wasmjs';
import program from '@cornerstonejs/codec-openjph/wasm?url';
import { HTJ2K } from '../dicom/syntaxes';
import type { Values } from './grey';
import { rgbOf, type Decode } from './picture';

export { canvasPixels } from './painting';

let codec: Promise<OpenJph> | null = null;

/** The decoder, made ready while the image is still on its way. */
export function ready(): Promise<OpenJph> {
  return (codec ??= openJph({ locateFile: () => program }));
}

/** Previews are 16 bits of grey, or JPEG (docs/thin-link.md). Anything else is left to the viewer. */
export const decode: Decode = async (shape, _photometric, _planar, transferSyntax, data) => {
  if (transferSyntax === HTJ2K) return grey(await ready(), data);
  if (shape.samples === 3) return (await rgbOf(new Blob([data as BlobPart], { type: 'image/jpeg' }))).rgb;
  throw new Error(`no early picture of ${transferSyntax}`);
};

function grey(module: OpenJph, data: Uint8Array): Values {
  const decoder = new module.HTJ2KDecoder();
  try {
    decoder.getEncodedBuffer(data.length).set(data);
    decoder.decode();
    const { bitsPerSample, componentCount, isSigned } = decoder.getFrameInfo();
    if (bitsPerSample !== 16 || componentCount !== 1 || !isSigned) throw new Error('not the preview of a grey image');
    const decoded = decoder.getDecodedBuffer(); // lies in the decoder's memory, which goes
    return new Int16Array(decoded.slice().buffer);
  } finally {
    decoder.delete();
  }
}
