import type { Command } from "commander";
import { type MergeReport, mergeAdapter, type UnmergeReport, unmergeAdapter } from "../../export/merge.ts";
import { attuneCommand } from "../attune_command.ts";
import { forTerminal } from "../failure.ts";
import { fetchModel } from "../fetch_model.ts";
import { plural } from "../format.ts";
import { examples } from "../help.ts";
import { runWords } from "../run_words.ts";
import { openScreen } from "../screen.ts";
import { headerLine } from "../train_header.ts";

interface MergeFlags {
  model: string;
  adapter: string;
  out: string;
  unmerge?: boolean;
}

export const mergeCommand = (command: Command): Command =>
  command
    .description(
      "Writes model plus adapter as a model directory of its own, which transformers loads; a quantized model in the number type it had before. The written files are read again and compared with model and adapter before success is reported.",
    )
    .requiredOption("-m, --model <dir>", "the model's directory")
    .requiredOption("-a, --adapter <dir>", "the PEFT adapter's directory")
    .requiredOption("-o, --out <dir>", "where the merged model goes: a new or empty directory")
    .option("--unmerge", "take the adapter out of a model it was merged into")
    .addHelpText(
      "after",
      examples([
        [
          "attune merge --model ./model --adapter runs/mine/adapter --out ./merged",
          "a model that needs no adapter",
        ],
        [
          "attune merge --unmerge --model ./merged --adapter runs/mine/adapter --out ./model",
          "the model as it was, but for rounding",
        ],
      ]),
    )
    .action(runMerge);

async function runMerge({ model, adapter, out, unmerge = false }: MergeFlags): Promise<void> {
  const [base, term] = [await fetchModel(model), await fetchModel(adapter)];
  const screen = openScreen();
  screen.show(() => (unmerge ? `taking ${adapter} out of ${model} …` : `merging ${adapter} into ${model} …`));
  try {
    const onWarning = (text: string) => screen.print(forTerminal(text));
    const options = { model: base, adapter: term, output: out, onWarning };
    const line = unmerge
      ? unmergedLine(await unmergeAdapter(options))
      : mergedLine(await mergeAdapter(options));
    screen.clear();
    const next = attuneCommand(["chat", "--model", out, ...(unmerge ? [] : await runWords(adapter))]);
    screen.print([line, headerLine("model", out), headerLine("next", next)].join("\n"));
  } finally {
    screen.clear();
  }
}

const mergedLine = ({ modules, agreement }: MergeReport): string =>
  headerLine(
    "merged",
    `${plural(modules, "linear layer")}; logits of the written model differ from model and adapter by at most ${agreement.maxDifference.toExponential(1)}`,
  );

const unmergedLine = ({ modules, largestError }: UnmergeReport): string =>
  headerLine(
    "unmerged",
    `${plural(modules, "linear layer")}; no weight is further than ${largestError.toExponential(1)} from what it was`,
  );
