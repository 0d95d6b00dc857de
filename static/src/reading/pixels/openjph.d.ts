/** What of OpenJPH's WebAssembly is used here; its package declares nothing. */
declare module '@cornerstonejs/codec-openjph/wasmjs' {
  export interface HTJ2KDecoder {
    getEncodedBuffer(length: number): Uint8Array;
    decode(): void;
    getFrameInfo(): { width: number; height: number; bitsPerSample: number; componentCount: number; isSigned: boolean };
    getDecodedBuffer(): Uint8Array;
    delete(): void;
  }
  export interface OpenJph {
    HTJ2KDecoder: new () => HTJ2KDecoder;
  }
  export default function factory(options: { locateFile: (name: string) => string }): Promise<OpenJph>;
}
