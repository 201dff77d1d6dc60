import type { Origin } from "../../data/example.ts";
import { checkSequences, type Finding, findLeaks } from "../../data/inspect/check_sequences.ts";
import type { LeftOut } from "../../data/tokenize/preparation_report.ts";
import { countLabels, type TokenSequence } from "../../data/tokenize/token_sequence.ts";
import { openBase } from "../../pretrained/base.ts";
import { prepareData, type RunData } from "../../run/prepare_data.ts";
import { trainRefusals } from "../../run/train_refusals.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { parseRecipe, type RecipeInput } from "../../training/recipe.ts";

const MOST_ROWS = 100; // that a finding names
const MOST_TOKENS = 600; // of a row that is shown

/** What a recipe makes of its data, and what may be wrong with it; the first rows token by token. */
export async function checkPlan(input: RecipeInput, rows: number, signal: AbortSignal) {
  const recipe = parseRecipe(input);
  const base = await openBase(recipe.model, { weights: "optional" });
  const data = await prepareData(recipe, base, { now: new Date(), signal });
  try {
    const refusals = await trainRefusals(recipe, base, data);
    const check = (store: RunData["train"]) => checkOf(store, base.tokenizer, recipe.training.batchSize);
    const { read, kept, truncated, tokens, supervisedTokens } = data.report;
    return {
      ...{ read, kept, truncated, tokens, supervisedTokens, branches: data.branches },
      template: data.template.name,
      unusable: data.report.unusable.map(leftOut),
      dropped: data.report.dropped.map(leftOut),
      lost: data.report.lost.map(leftOut),
      train: check(data.train),
      held_out: check(data.evaluation),
      leaks: found(findLeaks(data.train, data.evaluation)),
      // Rows that can't be used are listed above, by their numbers.
      refused: refusals
        .filter(({ code }) => code !== "data.unusable-rows")
        .map(({ code, message }) => ({ code, message })),
      preview: previewOf(data, base.tokenizer, rows),
    };
  } finally {
    data.close();
  }
}

function checkOf(store: RunData["train"], tokenizer: Tokenizer, batchSize: number) {
  const { sequences, lengths, endless, doubleBos, duplicates } = checkSequences(store, tokenizer, {
    batchSize,
  });
  return {
    sequences,
    lengths,
    endless: found(endless),
    double_bos: found(doubleBos),
    duplicates: found(duplicates),
  };
}

const rowsOf = (origins: readonly Origin[]) => origins.slice(0, MOST_ROWS).map(({ row }) => row);
const found = ({ count, first }: Finding) => ({ count, rows: rowsOf(first) });
const leftOut = ({ reason, count, origins }: LeftOut) => ({ reason, count, rows: rowsOf(origins) });

function previewOf({ train, branches }: RunData, tokenizer: Tokenizer, rows: number) {
  const count = Math.min(rows * branches, train.length);
  return Array.from({ length: count }, (_, i) => shownSequence(train.at(i), tokenizer)).map((one, i) => ({
    ...one,
    branch: branches === 1 ? null : i % branches === 0 ? "chosen" : "rejected",
  }));
}

function shownSequence(sequence: TokenSequence, tokenizer: Tokenizer) {
  const { tokens, labelWeights, origin } = sequence;
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    row: origin.row,
    tokens: tokens.length,
    trained: countLabels(sequence),
    pieces: Array.from(tokens.slice(0, MOST_TOKENS), (id, i) => ({
      text: utf8.decode(tokenizer.bytesOf(id), { stream: true }),
      weight: labelWeights[i]!,
      special: tokenizer.isSpecial(id),
    })),
  };
}
