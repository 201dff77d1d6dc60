import { onlyRows } from "../graph/only_rows.ts";
import { linearCrossEntropy } from "../graph/ops/cross_entropy.ts";
import { mul } from "../graph/ops/elementwise.ts";
import { sumAll } from "../graph/ops/reduce.ts";
import { input } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Model } from "../models/family.ts";
import { rowPass } from "../models/row_pass.ts";
import type { Scope } from "../models/scope.ts";

/** The loss of a row. S supervised predictions. */
export interface Objective {
  /** Σ weight · nll, shape []. The row's weights are already divided by the whole step's. */
  loss: Tensor;
  /** -log probability of each label [S]. */
  nll: Tensor;
  /** Whether a prefix is computed alike whatever follows it, so that examples may share it. */
  shareable: boolean;
}

/**
 * Next-token cross-entropy of a row: the hidden states at `sources` predict `targets` (int64 [S]), each counted with
 * its entry of `weights` (float32 [S]). Only supervised rows reach the output layer. `noise` changes the
 * embeddings [T, D].
 */
export function objective(model: Model, scope: Scope, noise?: (x: Tensor) => Tensor): Objective {
  const pass = rowPass(noise);
  const { hidden, head, softcap } = model.decode(scope, pass);
  const supervised = onlyRows(hidden, input("sources", ["S"], "int64")); // [S, D]
  const nll = linearCrossEntropy(supervised, head, input("targets", ["S"], "int64"), { softcap });
  const loss = sumAll(mul(nll, input("weights", ["S"])));
  return { nll, loss, shareable: !noise && !pass.looksAhead() };
}
