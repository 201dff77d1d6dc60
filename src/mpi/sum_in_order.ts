import type { MpiLibrary } from "./library.ts";

type Numbers = Float32Array | Float64Array;
type Wire = Pick<MpiLibrary, "exchange" | "collect">;

const WINDOW = 2 ** 22; // numbers that are on their way at once

/**
 * Adds up the arrays of all ranks in the order of the ranks, and puts the sums in their place. Each rank adds up one part:
 * it gets that part of everyone, and everyone gets its sum. So a number is sent twice, however many ranks there are, and
 * who is late changes nothing.
 */
export async function sumInOrder(wire: Wire, size: number, arrays: readonly Numbers[]): Promise<void> {
  for (const type of [Float32Array, Float64Array] as const) {
    const own = arrays.filter((array): array is Numbers => array instanceof type);
    const total = own.reduce((n, { length }) => n + length, 0);
    for (let from = 0; from < total; from += WINDOW)
      await sumWindow(wire, { size, type }, own, from, Math.min(from + WINDOW, total));
  }
}

async function sumWindow(
  wire: Wire,
  { size, type }: { size: number; type: typeof Float32Array | typeof Float64Array },
  arrays: readonly Numbers[],
  from: number,
  to: number,
): Promise<void> {
  const part = Math.ceil((to - from) / size);
  const [window, received] = [new type(part * size), new type(part * size)];
  const sum = new type(part);
  copyWindow(arrays, from, to, (array, at, begin, end) => window.set(array.subarray(begin, end), at));
  await wire.exchange(bytesOf(window), bytesOf(received), part * type.BYTES_PER_ELEMENT);
  for (let r = 0; r < size; r++) for (let i = 0; i < part; i++) sum[i]! += received[r * part + i]!;
  await wire.collect(bytesOf(sum), bytesOf(window), part * type.BYTES_PER_ELEMENT);
  copyWindow(arrays, from, to, (array, at, begin, end) =>
    array.set(window.subarray(at, at + end - begin), begin),
  );
}

/** Calls `copy` for each array that the window from `from` to `to` lies in, with its place there. */
function copyWindow(
  arrays: readonly Numbers[],
  from: number,
  to: number,
  copy: (array: Numbers, at: number, begin: number, end: number) => void,
): void {
  let start = 0;
  for (const array of arrays) {
    const [begin, end] = [Math.max(from - start, 0), Math.min(to - start, array.length)];
    if (begin < end) copy(array, start + begin - from, begin, end);
    start += array.length;
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Numbers) =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
