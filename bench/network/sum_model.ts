import { windowOf } from "../../src/mpi/sum_in_order.ts";

/** A sum's seconds, as measured. */
export interface Measured {
  ranks: number;
  /** What is summed, at one rank. */
  numbers: number;
  bytesEach: number;
  seconds: number;
}
type Sum = Omit<Measured, "seconds">;

/** Seconds of a sum: each rank sends its bytes' share of all others, twice, and messages to each of them, window by window. */
export interface SumModel {
  perByte: number;
  perMessage: number;
  /** How far a measurement is from it, as a share. */
  worst: number;
}

const sent = ({ ranks, numbers, bytesEach }: Sum) => (2 * numbers * bytesEach * (ranks - 1)) / ranks;
const messages = ({ ranks, numbers }: Sum) => 2 * (ranks - 1) * Math.ceil(numbers / windowOf(ranks));

/** Least squares of the relative errors. */
export function fitSums(measured: readonly Measured[]): SumModel {
  let [aa, ab, bb, a, b] = [0, 0, 0, 0, 0];
  for (const one of measured) {
    const [x, y] = [sent(one) / one.seconds, messages(one) / one.seconds];
    aa += x * x;
    ab += x * y;
    bb += y * y;
    a += x;
    b += y;
  }
  const determinant = aa * bb - ab * ab;
  const model = { perByte: (a * bb - b * ab) / determinant, perMessage: (b * aa - a * ab) / determinant };
  const errors = measured.map((one) => Math.abs(secondsOf(model, one) / one.seconds - 1));
  return { ...model, worst: Math.max(...errors) };
}

export const secondsOf = (
  { perByte, perMessage }: Pick<SumModel, "perByte" | "perMessage">,
  about: Sum,
): number => perByte * sent(about) + perMessage * messages(about);
