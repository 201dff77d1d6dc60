import type { SequenceStore } from "../data/batches/sequence_store.ts";
import { rowsInMemory } from "../data/files/rows_in_memory.ts";
import { readDataFiles } from "../data/formats/read_data_files.ts";
import { examplesOfRows } from "../data/tasks/examples_of_rows.ts";
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
import type { Base } from "../pretrained/base_of.ts";
import { memoryTemplate } from "../pretrained/template_plan.ts";
import type { Recipe } from "../training/recipe.ts";
import { tokenizePlan } from "./tokenize_plan.ts";

/** The rows of a recipe, tokenized in this thread and kept in memory: a store for each entry of `data`. */
export async function prepareRows(
  recipe: Recipe,
  base: Base,
  signal?: AbortSignal,
): Promise<{ stores: SequenceStore[]; report: PreparationReport }> {
  const { template: name, chatTemplateKwargs: variables } = recipe;
  const plan = tokenizePlan(recipe, base, memoryTemplate(base, { name, variables }));
  const report = emptyReport();
  const stores: SequenceStore[] = [];
  for (const [place, entry] of recipe.data.entries()) {
    const name = `data.${place}.rows`;
    const rows = () => examplesOfRows(rowsInMemory(entry.rows!), name, entry, recipe.seed);
    const own = emptyReport();
    const blocks: SequenceBlock[] = [];
    for await (const { block, report: next } of tokenizeHere(
      chunkRows(readDataFiles(name, [name], rows)),
      plan,
      signal,
    )) {
      addReport(own, next);
      checkNoneLeftOut(own, "unusable");
      blocks.push(block);
    }
    checkAnyKept(own);
    addReport(report, own);
    stores.push(blocksInMemory(blocks));
  }
  return { stores, report };
}
