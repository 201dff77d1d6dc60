import type { Pack } from "../data/packing/pack.ts";
import { sequenceWords } from "../data/packing/path_words.ts";
import { add, cast, mul, scale } from "../graph/ops/elementwise.ts";
import { constant, input } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { randomUint32 } from "../random/random.ts";
import type { TensorData } from "../runtime/session.ts";
import { floats, int32 } from "../runtime/tensor_data.ts";

export interface Neftune {
  /** The noise's size, above 0: 5 to 15 in the paper. */
  alpha: number;
  seed: number;
}

const ROWS = ["neftune.rows0", "neftune.rows1"] as const;
const LENGTH_ROOT = "neftune.lengthRoot";

/**
 * NEFTune (Jain et al. 2023, https://arxiv.org/abs/2310.05914): adds to embeddings x [T, D] noise uniform in [-1, 1] times
 * alpha / √(L·D), L the number of tokens of the token's sequence. What `neftune_noise_alpha` does in transformers and TRL,
 * whose L counts a batch's padding too.
 *
 * The hash is dropout's, multiply-add modulo 2³² of a token's two words and a column's two.
 */
export function neftuneNoise({ alpha, seed }: Neftune): (x: Tensor) => Tensor {
  const [first, second] = ROWS.map((name) => input(name, ["T", 1], "int32")) as [Tensor, Tensor];
  return (x) => {
    const D = x.shape[1] as number;
    const columns = (salt: number) => {
      const words = Array.from({ length: D }, (_, d) => randomUint32(seed, "neftune columns", salt, d) | 1);
      return constant(words, [D], "int32");
    };
    const hash = add(mul(first, columns(0)), mul(second, columns(1))); // [T, D]
    const size = scale(input(LENGTH_ROOT, ["T", 1]), alpha / Math.sqrt(D) / 2 ** 31); // of the noise a unit of the hash
    return add(x, mul(cast(hash, size.dtype), size));
  };
}

/**
 * What the noise of `row`, whose sequences share nothing, is worked out from: a function of (seed, step, sequence, position),
 * whatever the packing. Equal sequences of a step get equal noise.
 */
export function neftuneFeeds(row: Pack, seed: number, step: number): Record<string, TensorData> {
  const T = row.tokens.length;
  const words = sequenceWords(row, seed, "neftune rows", step);
  const roots = Float32Array.from(row.ends, (end, t) => (end - t + row.positions[t]!) ** -0.5); // 1 / √L
  return {
    [ROWS[0]]: int32(words[0], [T, 1]),
    [ROWS[1]]: int32(words[1], [T, 1]),
    [LENGTH_ROOT]: floats(roots, [T, 1]),
  };
}
