import { type AdamWStep, adamw } from "./adamw.ts";

/** What is done to one parameter's arrays: its gradient is squared and summed up, or the parameter is updated. */
export type UpdateWork =
  | { kind: "squares"; arrays: [gradient: Float32Array] }
  | {
      kind: "update";
      arrays: [p: Float32Array, gradient: Float32Array, m: Float32Array, v: Float32Array];
      options: AdamWStep;
    };

/**
 * Threads that share such work. They borrow the buffers of its arrays, which must not be parts of one: `arrays` hold them
 * again when `run` resolves.
 */
export interface UpdateThreads {
  /** What each work gives, in their order. */
  run(works: UpdateWork[]): Promise<number[]>;
  close(): Promise<void>;
}

/** What a thread gives back. */
export interface UpdateReply {
  arrays: Float32Array[][];
  results: number[];
}

export const buffersOf = (arrays: readonly Float32Array[][]): ArrayBuffer[] =>
  arrays.flat().map(({ buffer }) => buffer as ArrayBuffer);

/** @returns the sum of squares in float64; 0 for an update */
export function doWork(work: UpdateWork): number {
  if (work.kind === "squares") return squares(work.arrays[0]);
  const [p, gradient, m, v] = work.arrays;
  adamw(p, gradient, { m, v }, work.options);
  return 0;
}

function squares(gradient: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!;
  return sum;
}

/** Places of `works` for each of `count` threads: the largest first, to whoever has least. */
export function dividedWork(works: readonly UpdateWork[], count: number): number[][] {
  const size = (place: number) => works[place]!.arrays[0].length;
  const shares = Array.from({ length: count }, () => ({ places: [] as number[], size: 0 }));
  for (const place of [...works.keys()].sort((a, b) => size(b) - size(a))) {
    const least = shares.reduce((best, share) => (share.size < best.size ? share : best));
    least.places.push(place);
    least.size += size(place);
  }
  return shares.map(({ places }) => places);
}
