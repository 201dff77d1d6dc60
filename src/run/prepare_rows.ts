import type { SequenceStore } from "../data/batches/sequence_store.ts";
import type { Example, UnusableRow } from "../data/example.ts";
import { type MemoryRows, rowsInMemory } from "../data/files/rows_in_memory.ts";
import { readDataFiles } from "../data/formats/read_data_files.ts";
import { examplesOfRows, type RowSettings } from "../data/tasks/examples_of_rows.ts";
import { blocksInMemory } from "../data/tokenize/blocks_in_memory.ts";
import { chunkRows } from "../data/tokenize/chunk_rows.ts";
import {
  addReport,
  checkAnyKept,
  checkNoneLeftOut,
  emptyReport,
  type PreparationReport,
} from "../data/tokenize/preparation_report.ts";
import type { SequenceBlock } from "../data/tokenize/sequence_block.ts";
import { tokenizeHere } from "../data/tokenize/tokenize_here.ts";
import type { TokenizePlan } from "../data/tokenize/tokenize_plan.ts";
import type { Base } from "../pretrained/base_of.ts";
import { memoryTemplate } from "../pretrained/template_plan.ts";
import type { Recipe } from "../training/recipe.ts";
import { tokenizePlan } from "./tokenize_plan.ts";

export interface PreparedRows {
  /** Of each entry of `data`. */
  stores: SequenceStore[];
  /** Of rows that are held out by themselves. */
  heldOut: SequenceStore[];
  report: PreparationReport;
}

export interface PrepareRowsOptions {
  signal?: AbortSignal;
  /** Whether a row that can't be used is an error (default), or counted. */
  strict?: boolean;
}

/** The rows of a recipe, tokenized in this thread and kept in memory. */
export async function prepareRows(
  recipe: Recipe,
  base: Base,
  options: PrepareRowsOptions = {},
): Promise<PreparedRows> {
  const { template: name, chatTemplateKwargs: variables, seed, data, evaluation } = recipe;
  const plan = tokenizePlan(recipe, base, memoryTemplate(base, { name, variables }));
  const report = emptyReport();
  const prepare = async (entry: RowEntry, name: string) => {
    const examples = examplesOfRows(rowsInMemory(entry.rows!), name, entry, seed);
    const prepared = await prepareEntry(
      readDataFiles(name, [name], () => examples),
      plan,
      options,
    );
    addReport(report, prepared.report);
    return prepared.store;
  };
  const stores: SequenceStore[] = [];
  for (const [place, entry] of data.entries()) stores.push(await prepare(entry, `data.${place}.rows`));
  const heldOut = evaluation?.rows ? [await prepare(evaluation, "evaluation.rows")] : [];
  return { stores, heldOut, report };
}

type RowEntry = RowSettings & { rows?: MemoryRows };

async function prepareEntry(
  examples: AsyncIterable<Example | UnusableRow>,
  plan: TokenizePlan,
  { signal, strict = true }: PrepareRowsOptions,
): Promise<{ store: SequenceStore; report: PreparationReport }> {
  const report = emptyReport();
  const blocks: SequenceBlock[] = [];
  for await (const chunk of tokenizeHere(chunkRows(examples), plan, signal)) {
    addReport(report, chunk.report);
    if (strict) checkNoneLeftOut(report, "unusable");
    blocks.push(chunk.block);
  }
  checkAnyKept(report);
  return { store: blocksInMemory(blocks), report };
}
