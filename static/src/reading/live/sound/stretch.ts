/** Speech in a shorter time at the same pitch: windows of it, laid over one another where they fit best. */

const WINDOW = 0.04;
const SEEK = 0.008;

/** The samples played `times` as fast. */
export function faster(samples: Float32Array, rate: number, times: number): Float32Array {
  const size = 2 * Math.round((WINDOW * rate) / 2);
  const half = size / 2;
  const reach = Math.round(SEEK * rate);
  const length = Math.floor(samples.length / times);
  const out = new Float32Array(length);
  if (samples.length < 2 * size) return out;
  const shape = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  let last = 0;
  for (let at = 0; at + size <= length; at += half) {
    const wanted = Math.round(at * times);
    const from = at === 0 ? 0 : best(samples, last + half, wanted, reach, half);
    for (let i = 0; i < size; i++) out[at + i] = (out[at + i] ?? 0) + (samples[from + i] ?? 0) * (shape[i] ?? 0);
    last = from;
  }
  return out;
}

/** Near `wanted`, where the sound is most like how it would have gone on from `natural`. */
function best(samples: Float32Array, natural: number, wanted: number, reach: number, length: number): number {
  let [found, most] = [wanted, -Infinity];
  for (let at = Math.max(0, wanted - reach); at <= wanted + reach; at += 4) {
    let likeness = 0;
    for (let i = 0; i < length; i += 8) likeness += (samples[natural + i] ?? 0) * (samples[at + i] ?? 0);
    if (likeness > most) [found, most] = [at, likeness];
  }
  return found;
}
