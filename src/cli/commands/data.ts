import { Command } from "commander";
import type { SequenceStore } from "../../data/batches/sequence_store.ts";
import { checkSequences, findLeaks } from "../../data/inspect/check_sequences.ts";
import { computedTokens } from "../../data/inspect/computed_tokens.ts";
import { writeFileAtomic } from "../../files/atomic.ts";
import { type Base, openBase } from "../../pretrained/base.ts";
import { prepareData, type RunData } from "../../run/prepare_data.ts";
import { trainRefusals } from "../../run/train_refusals.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Recipe } from "../../training/recipe.ts";
import { rowLengthFor } from "../../training/row_length.ts";
import { checkReport } from "../check_report.ts";
import { showDownload } from "../fetch_model.ts";
import { plural } from "../format.ts";
import { examples } from "../help.ts";
import { collect, wholeNumber } from "../options.ts";
import { previewPage } from "../preview_page.ts";
import { previewLegend, previewText } from "../preview_text.ts";
import { readRecipe } from "../recipe_file.ts";
import { openScreen, type Screen } from "../screen.ts";
import { stopSignals } from "../stop_signals.ts";
import { headerLine } from "../train_header.ts";

export const dataCommand = (command: Command): Command =>
  command
    .description("Shows a recipe's data as the model will see it, and what may be wrong with it.")
    .addCommand(previewCommand())
    .addCommand(checkCommand())
    .addHelpText(
      "after",
      examples([
        ["attune data preview recipe.yaml", "the first rows, trained tokens coloured"],
        ["attune data check recipe.yaml", "counts, lengths and likely mistakes"],
      ]),
    );

interface DataFlags {
  set?: string[];
}

interface PreviewFlags extends DataFlags {
  rows: number;
  from: number;
  html?: string;
}

const previewCommand = (): Command =>
  withRecipe(new Command("preview"))
    .summary("rows as the model sees them")
    .description("Prints training rows as the model sees them, what it is trained on in colour.")
    .option("-n, --rows <n>", "how many rows", wholeNumber(1), 3)
    .option("--from <n>", "the first of them", wholeNumber(1), 1)
    .option("--html <file>", "write them as a page instead")
    .addHelpText(
      "after",
      examples([
        ["attune data preview recipe.yaml", "the first three rows"],
        ["attune data preview recipe.yaml --rows 50 --html rows.html", "fifty of them as a page"],
        ["attune data preview recipe.yaml -s template=alpaca", "under another template"],
      ]),
    )
    .action(runPreview);

const checkCommand = (): Command =>
  withRecipe(new Command("check"))
    .summary("counts, lengths and likely mistakes")
    .description(
      "Counts and measures a recipe's data, and says what may be wrong with it: rows that can't be used, answers cut\n" +
        "short, ends that are never learnt, duplicates, questions that are both trained on and held out.\n" +
        "Exits with 1 where attune train would refuse the recipe or a row.",
    )
    .option("--strict", "rows that are left out, for whatever reason, are an error")
    .addHelpText(
      "after",
      examples([
        ["attune data check recipe.yaml", "before a long run"],
        ["attune data check recipe.yaml --strict", "exits with 1 when any row is left out, an empty one too"],
      ]),
    )
    .action(runCheck);

const withRecipe = (command: Command): Command =>
  command
    .argument("<recipe>", "the recipe's file")
    .option("-s, --set <key=value>", "put a value in the recipe; can be given several times", collect);

async function runPreview(path: string, { set, rows, from, html }: PreviewFlags): Promise<void> {
  await withData(await readRecipe(path, set), {}, async ({ data, base, screen }) => {
    const count = Math.min(rows, data.train.length - from + 1);
    const shown = Array.from({ length: Math.max(0, count) }, (_, i) => data.train.at(from - 1 + i));
    if (html === undefined) {
      for (const sequence of shown) screen.print(`${previewText(sequence, base.tokenizer)}\n`);
      screen.print(`${previewLegend()}\n${position(from, shown.length, data.train)}`);
      return;
    }
    await writeFileAtomic(html, previewPage(path, shown, base.tokenizer));
    screen.print(headerLine("page", html));
  });
}

const position = (from: number, count: number, train: SequenceStore) =>
  count === 0
    ? `there are only ${plural(train.length, "sequence")}`
    : `${from} to ${from + count - 1} of ${plural(train.length, "sequence")}`;

async function runCheck(path: string, { set, strict }: DataFlags & { strict?: boolean }): Promise<void> {
  const recipe = await readRecipe(path, set);
  await withData(recipe, { strict }, async ({ data, base, screen }) => {
    const { batchSize } = recipe.training;
    const check = (store: SequenceStore) => checkSequences(store, base.tokenizer, { batchSize });
    const [train, evaluation] = [check(data.train), check(data.evaluation)];
    const leaks = findLeaks(data.train, data.evaluation);
    const rowLength = rowLengthFor([data.train, data.evaluation], { branches: data.branches });
    const computed = computedTokens(data.train, { batchSize: batchSize * data.branches, rowLength });
    const refusals = await trainRefusals(recipe, base, data);
    const found = { train, evaluation, leaks, computedTokens: computed, refused: refusals.length > 0 };
    screen.print(checkReport(recipe, data, found));
    refuse(refusals);
  });
}

/** Ends with an error where train would. */
function refuse(refusals: readonly AttuneError[]): void {
  if (refusals.length === 0) return;
  const faults = refusals.map(({ code, message }) => ({ code, problem: message }));
  throw new AttuneError({ code: "cli.data-refused", problem: "attune train would refuse this:", faults });
}

interface Opened {
  data: RunData;
  base: Base;
  screen: Screen;
}

/** Reads the recipe's data and closes it again. */
async function withData(
  recipe: Recipe,
  { strict }: { strict?: boolean },
  use: (opened: Opened) => Promise<void>,
): Promise<void> {
  const screen = openScreen();
  const { signal, ignore, exitCode } = stopSignals(() => {});
  try {
    const hub = { signal, onProgress: showDownload(screen), onWarning: (text: string) => screen.print(text) };
    const base = await openBase(recipe.model, { weights: "optional", hub });
    const progress = (rows: number) => screen.show(() => `${plural(rows, "row")} tokenized …`);
    const data = await prepareData(recipe, base, {
      now: new Date(),
      hub,
      signal,
      strict: strict ? "all" : undefined,
      progress,
      warn: hub.onWarning,
    });
    screen.clear();
    try {
      await use({ data, base, screen });
    } finally {
      data.close();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = exitCode();
  } finally {
    screen.clear();
    ignore();
  }
}
