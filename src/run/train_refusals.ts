import { batchOrder } from "../data/batches/batches.ts";
import { mixtureOrder } from "../data/batches/mixture.ts";
import { checkNoneLeftOut } from "../data/tokenize/preparation_report.ts";
import type { Base } from "../pretrained/base.ts";
import { AttuneError } from "../text/errors.ts";
import type { Recipe } from "../training/recipe.ts";
import { rowLengthFor } from "../training/row_length.ts";
import { checkMethod } from "./choose_method.ts";
import type { RunData } from "./prepare_data.ts";

/**
 * Why `train` would refuse this recipe and data, as far as that shows without weights: rows that can't be used,
 * examples beyond the model's positions, an epoch without examples; and, where there are weights, what is to be trained.
 */
export async function trainRefusals(recipe: Recipe, base: Base, data: RunData): Promise<AttuneError[]> {
  const { mixture, shuffle, seed, training } = recipe;
  const order = () => mixtureOrder({ datasets: data.datasets, ...mixture, shuffle, seed });
  const checks = [
    () => checkNoneLeftOut(data.report, "unusable"),
    () =>
      rowLengthFor([data.train, data.evaluation], {
        maxPositions: base.model.dimensions.maxPositions,
        branches: data.branches,
      }),
    () => batchOrder(order(), training.batchSize),
    async () => base.directory.tensors.size > 0 && (await checkMethod(recipe, base)),
  ];
  const refusals: AttuneError[] = [];
  for (const check of checks) {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof AttuneError)) throw error;
      refusals.push(error);
    }
  }
  return refusals;
}
