import { linearCrossEntropy } from "../graph/ops/cross_entropy.ts";
import { mul } from "../graph/ops/elementwise.ts";
import { likeliestIds } from "../graph/ops/likeliest.ts";
import { sumAll } from "../graph/ops/reduce.ts";
import { onlyRows } from "../graph/passes/only_rows.ts";
import { input } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Model } from "../models/family.ts";
import { rowPass } from "../models/row_pass.ts";
import type { Scope } from "../models/scope.ts";

/** What a row gives. S labels. */
export interface LabelLosses {
  /** -log probability of each label [S]. */
  nll: Tensor;
  /** Σ weight · nll, shape []: its gradient is the objective's, once the weights are. */
  sum: Tensor;
  /** The likeliest token where each label stands [S, 1]: only who asks computes it. */
  likeliest(): Tensor;
  /** Whether a prefix is computed alike whatever follows it, so that examples may share it. */
  shareable: boolean;
}

export interface LossOptions {
  noise?: (x: Tensor) => Tensor;
  /** Queries of a block of attention, of `partsOfRow`; the row is one where left out. */
  block?: number;
  /** Tokens of the vocabulary whose logits are computed at once. */
  headTokens?: number;
  /** Whether the output layer is multiplied in 8 bits, where `compute: int8` has it so: in training, not when it is measured. */
  inIntegers?: boolean;
}

/**
 * Next-token cross-entropy of a row: the hidden states at `sources` predict `targets` (int64 [S]), each counted with
 * its entry of `weights` (float32 [S]). Only tokens that predict a label reach the output layer. `noise` changes the
 * embeddings [T, D].
 */
export function labelLosses(
  model: Model,
  scope: Scope,
  { noise, block, headTokens, inIntegers }: LossOptions = {},
): LabelLosses {
  const pass = rowPass({ noise, block });
  const { hidden, head, softcap } = model.decode(scope, pass);
  const supervised = onlyRows(hidden, input("sources", ["S"], "int64")); // [S, D]
  const nll = linearCrossEntropy(supervised, head, input("targets", ["S"], "int64"), {
    ...{ softcap, inIntegers, headTokens },
  });
  const sum = sumAll(mul(nll, input("weights", ["S"])));
  const likeliest = () => likeliestIds(supervised, head, headTokens);
  return { nll, sum, likeliest, shareable: !noise && pass.shareable() };
}
