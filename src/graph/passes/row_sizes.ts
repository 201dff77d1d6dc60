import type { Dim } from "../tensor.ts";

/** What sizes with a name stand for: T tokens of a row, S labels. "T/64" is T in chunks of 64, "T*2+3" two for each and three; any other name is taken as T. */
export interface RowSizes {
  T: number;
  S: number;
}

export function sizeOfDim(dim: Dim, { T, S }: RowSizes): number {
  if (typeof dim === "number") return dim;
  if (dim === "S") return S;
  const [chunk = 1, times = 1, more = 0] = [/\/(\d+)/, /\*(\d+)/, /\+(\d+)/].map(
    (part) => part.exec(dim)?.[1],
  );
  return Math.ceil(T / Number(chunk)) * Number(times) + Number(more);
}

/** Whether a size follows from that of a row. */
export const isOfRow = (dim: Dim): dim is string => typeof dim === "string" && /^T(\W|$)/.test(dim);
