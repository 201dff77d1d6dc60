import { bfloat16ToFloat32, float32ToBfloat16 } from "../files/float.ts";
import type { WireType } from "../training/ranks.ts";
import type { MpiLibrary } from "./library.ts";

type Numbers = Float32Array | Float64Array;
type Wire = Pick<MpiLibrary, "exchange" | "collect">;

export interface SumOptions {
  /** Ranks. */
  size: number;
  /** What float32 numbers travel as. */
  as?: WireType;
  /** Numbers that are sent at once. */
  window?: number;
}

/** Numbers that are sent at once: messages of 2 MB, which take longer than a link's delay, within 32 MB of memory. */
export const windowOf = (size: number): number => Math.min(size * 2 ** 19, 2 ** 23);

/**
 * Adds up the arrays of all ranks in the order of the ranks, and puts the sums in their place. Each rank adds up one part:
 * it gets that part of everyone, and everyone gets its sum. So a number is sent twice, however many ranks there are, and
 * who is late changes nothing. While a window's numbers travel, those of the one before are added up.
 */
export async function sumInOrder(
  wire: Wire,
  arrays: readonly Numbers[],
  { size, as = "float32", window = windowOf(size) }: SumOptions,
): Promise<void> {
  const [singles, doubles] = [arrays.filter(isSingle), arrays.filter((array) => !isSingle(array))];
  await sumWindows(wire, singles, { size, window, form: as === "bfloat16" ? BFLOAT16 : FLOAT32 });
  await sumWindows(wire, doubles, { size, window, form: FLOAT64 });
}

const isSingle = (array: Numbers): array is Float32Array => array instanceof Float32Array;

/** How numbers travel. */
interface Form {
  bytes: number;
  create(length: number): Numbers;
  /** The bytes that are sent: those of the numbers themselves, or of numbers made of them. */
  pack(numbers: Numbers): Uint8Array;
  unpack(bytes: Uint8Array): Numbers;
}

const FLOAT32: Form = {
  bytes: 4,
  create: (length) => new Float32Array(length),
  pack: bytesOf,
  unpack: ({ buffer }) => new Float32Array(buffer),
};
const FLOAT64: Form = {
  bytes: 8,
  create: (length) => new Float64Array(length),
  pack: bytesOf,
  unpack: ({ buffer }) => new Float64Array(buffer),
};
const BFLOAT16: Form = {
  bytes: 2,
  create: FLOAT32.create,
  pack: (numbers) => bytesOf(float32ToBfloat16(numbers as Float32Array)),
  unpack: ({ buffer }) => bfloat16ToFloat32(new Uint16Array(buffer)),
};

interface Plan {
  size: number;
  window: number;
  form: Form;
}

async function sumWindows(wire: Wire, arrays: readonly Numbers[], plan: Plan): Promise<void> {
  const total = arrays.reduce((n, { length }) => n + length, 0);
  const count = Math.ceil(total / plan.window);
  const start = (k: number) => Math.floor((k * total) / count);
  const exchange = (k: number) => exchanged(wire, arrays, [start(k), start(k + 1)], plan);
  let received = count > 0 ? await exchange(0) : undefined;
  let putBack = () => {};
  for (let k = 0; k < count; k++) {
    const next = k + 1 < count ? exchange(k + 1) : undefined; // under way from here on
    putBack();
    const sum = addParts(received!, plan);
    received = await next;
    const sums = await collected(wire, sum, plan);
    putBack = () => forEachArray(arrays, [start(k), start(k + 1)], (part, at) => copy(sums, at, part));
  }
  putBack();
}

/** Sends each rank its part of a window, and gets one's own part of everyone. */
async function exchanged(
  wire: Wire,
  arrays: readonly Numbers[],
  range: [number, number],
  { size, form }: Plan,
): Promise<Uint8Array> {
  const part = Math.ceil((range[1] - range[0]) / size);
  const window = form.create(part * size);
  forEachArray(arrays, range, (own, at) => window.set(own, at));
  const received = new Uint8Array(part * size * form.bytes);
  await wire.exchange(form.pack(window), received, part * form.bytes);
  return received;
}

function addParts(received: Uint8Array, { size, form }: Plan): Numbers {
  const all = form.unpack(received);
  const part = all.length / size;
  const sum = all.slice(0, part);
  for (let r = 1; r < size; r++) {
    const start = r * part;
    for (let i = 0; i < part; i++) sum[i]! += all[start + i]!;
  }
  return sum;
}

async function collected(wire: Wire, sum: Numbers, { size, form }: Plan): Promise<Numbers> {
  const bytes = sum.length * form.bytes;
  const all = new Uint8Array(bytes * size);
  await wire.collect(form.pack(sum), all, bytes);
  return form.unpack(all);
}

/** Calls `f` with the part of each array that lies in the range, and with its place there. */
function forEachArray(
  arrays: readonly Numbers[],
  [from, to]: [number, number],
  f: (part: Numbers, at: number) => void,
): void {
  let start = 0;
  for (const array of arrays) {
    const [begin, end] = [Math.max(from - start, 0), Math.min(to - start, array.length)];
    if (begin < end) f(array.subarray(begin, end), start + begin - from);
    start += array.length;
  }
}

const copy = (from: Numbers, at: number, to: Numbers) => to.set(from.subarray(at, at + to.length));

function bytesOf({ buffer, byteOffset, byteLength }: Numbers | Uint16Array): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
