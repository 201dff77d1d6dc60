import {
  checkSequences,
  type Finding,
  findLeaks,
  type SequenceCheck,
} from "../data/inspect/check_sequences.ts";
import { type Segment, segmentsOf } from "../data/inspect/segments.ts";
import type { PreparationReport } from "../data/tokenize/preparation_report.ts";
import type { Base } from "../pretrained/base_of.ts";
import { divideData } from "../training/divide_data.ts";
import { type MemoryRecipe, parseMemoryRecipe } from "./memory_run.ts";
import { prepareRows } from "./prepare_rows.ts";

/** What rows become, and what may be wrong with them. */
export interface RowsCheck {
  /** Rows read, kept and left out, and why. */
  report: PreparationReport;
  /** Of what is trained on and what is held out. */
  train: SequenceCheck;
  evaluation: SequenceCheck;
  /** Questions that are both trained on and held out. */
  leaks: Finding;
  /** The first examples as the model sees them: what is trained has a weight. */
  preview: Segment[][];
}

/**
 * Reads a recipe's rows as `train` would, without a step. Rows that can't be used are counted in the report.
 * @param rows how many examples to show
 * @throws AttuneError that names the key at fault, or when no row is left.
 */
export async function checkData(
  base: Base,
  input: MemoryRecipe,
  { rows = 3, signal }: { rows?: number; signal?: AbortSignal } = {},
): Promise<RowsCheck> {
  const recipe = parseMemoryRecipe(input, base);
  const { report, stores, heldOut } = await prepareRows(recipe, base, { signal, strict: false });
  const { train, evaluation } = divideData(recipe, stores, heldOut);
  const check = (store: typeof train) => checkSequences(store, base.tokenizer, recipe.training);
  const shown = Array.from({ length: Math.min(rows, train.length) }, (_, i) => train.at(i));
  return {
    report,
    train: check(train),
    evaluation: check(evaluation),
    leaks: findLeaks(train, evaluation),
    preview: shown.map((sequence) => segmentsOf(sequence, base.tokenizer)),
  };
}
