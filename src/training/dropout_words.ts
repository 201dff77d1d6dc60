import type { Pack } from "../data/packing/pack.ts";
import { pathWords } from "../data/packing/path_words.ts";
import type { DropoutWords } from "../graph/ops/dropout.ts";
import { constant, input } from "../graph/sources.ts";
import { randomUint32 } from "../random/random.ts";
import type { TensorData } from "../runtime/session.ts";
import { int32 } from "../runtime/tensor_data.ts";

/** The dropout of a module whose input is `width` wide; nothing when there is none. */
export type DropoutSource = (module: string, width: number) => { p: number; words: DropoutWords } | undefined;

export const noDropout: DropoutSource = () => undefined;

const ROWS = ["dropout.rows0", "dropout.rows1"] as const;

/** Dropout with probability `p`, its columns' words a function of (seed, module). */
export function loraDropout(p: number, seed: number): DropoutSource {
  if (p === 0) return noDropout;
  const rows = [input(ROWS[0], ["T", 1], "int32"), input(ROWS[1], ["T", 1], "int32")] as const;
  return (module, width) => {
    const columns = (salt: number) => {
      const words = Array.from(
        { length: width },
        (_, d) => randomUint32(seed, `dropout ${module}`, salt, d) | 1,
      );
      return constant(words, [width], "int32");
    };
    return { p, words: { rows, columns: [columns(0), columns(1)] } };
  };
}

/**
 * The rows' words, two a token: a function of (seed, step) and of the token and all it sees. So packed, prefix-shared and
 * one-by-one drop the same; examples of a step that start alike drop the same there, equal ones throughout.
 */
export function dropoutFeeds(row: Pack, seed: number, step: number): Record<string, TensorData> {
  const words = pathWords(row, seed, "dropout rows", step);
  const shape = [row.tokens.length, 1];
  return Object.fromEntries(ROWS.map((name, i) => [name, int32(words[i]!, shape)]));
}
