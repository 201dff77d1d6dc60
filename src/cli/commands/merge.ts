import { Command } from "commander";
import { mergeAdapter } from "../../export/merge.ts";
import { fetchModel } from "../fetch_model.ts";
import { plural, shellWord } from "../format.ts";
import { examples } from "../help.ts";
import { openScreen } from "../screen.ts";
import { headerLine } from "../train_header.ts";

interface MergeFlags {
  model: string;
  adapter: string;
  out: string;
}

export const mergeCommand = (): Command =>
  new Command("merge")
    .summary("put an adapter into its model for good")
    .description(
      "Writes model plus adapter as a model directory of its own, which transformers loads. The written files are read again and compared with model and adapter before success is reported.",
    )
    .requiredOption("-m, --model <dir>", "the model's directory")
    .requiredOption("-a, --adapter <dir>", "the PEFT adapter's directory")
    .requiredOption("-o, --out <dir>", "where the merged model goes: a new or empty directory")
    .addHelpText(
      "after",
      examples([
        [
          "attune merge --model ./model --adapter runs/mine/adapter --out ./merged",
          "a model that needs no adapter",
        ],
      ]),
    )
    .action(runMerge);

async function runMerge({ model, adapter, out }: MergeFlags): Promise<void> {
  const [base, term] = [await fetchModel(model), await fetchModel(adapter)];
  const screen = openScreen();
  screen.show(() => `merging ${adapter} into ${model} …`);
  try {
    const { modules, agreement } = await mergeAdapter({ model: base, adapter: term, output: out });
    screen.clear();
    screen.print(
      [
        headerLine(
          "merged",
          `${plural(modules, "linear layer")}; logits of the written model differ from model and adapter by at most ${agreement.maxDifference.toExponential(1)}`,
        ),
        headerLine("model", out),
        headerLine("next", `attune chat --model ${shellWord(out)}`),
      ].join("\n"),
    );
  } finally {
    screen.clear();
  }
}
