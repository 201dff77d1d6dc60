import { Command, Option } from "commander";
import type { MajoritySign } from "../../adapters/combine/combine_values.ts";
import { COMBINE_METHODS, type CombineMethod } from "../../adapters/combine/methods.ts";
import { combineAdapterDirectories } from "../../export/combine_directories.ts";
import { type ExtractReport, extractAdapter } from "../../export/extract_adapter.ts";
import { attuneCommand } from "../attune_command.ts";
import { fetchModel } from "../fetch_model.ts";
import { formatPercent, plural } from "../format.ts";
import { examples } from "../help.ts";
import { collect, number, wholeNumber } from "../options.ts";
import { openScreen } from "../screen.ts";
import { headerLine } from "../train_header.ts";
import { parseWeighed } from "../weighed_adapters.ts";

export const adapterCommand = (command: Command): Command =>
  command
    .description("Makes LoRA adapters of other adapters, or of what training changed in a model.")
    .addCommand(combineCommand())
    .addCommand(extractCommand())
    .addHelpText(
      "after",
      examples([
        ["attune adapter help combine", "several adapters as one"],
        ["attune adapter help extract", "an adapter of what differs between two models"],
      ]),
    );

interface CombineFlags {
  adapter: string[];
  out: string;
  model?: string;
  method: CombineMethod;
  density?: number;
  majoritySign?: MajoritySign;
  rank?: number;
  seed?: number;
}

const combineCommand = (): Command =>
  new Command("combine")
    .summary("several adapters as one")
    .description(
      "Writes several adapters as one, as PEFT's add_weighted_adapter combines them. cat is exactly the weighted sum, of as much rank as all together; svd is the best of its rank to be the sum.",
    )
    .requiredOption(
      "-a, --adapter <dir=weight>",
      "a PEFT adapter's directory, and what it counts for",
      collect,
    )
    .requiredOption("-o, --out <dir>", "where the adapter goes: a new or empty directory")
    .option("-m, --model <dir>", "the base; adapters are compared with it instead of by its name")
    .addOption(new Option("--method <name>", "how").choices(COMBINE_METHODS).default("cat"))
    .option("--density <d>", "share of values kept, for ties, dare and magnitude_prune", number(0, 1))
    .addOption(
      new Option(
        "--majority-sign <name>",
        "what elects a sign in ties: the sum of values, or of signs",
      ).choices(["total", "frequency"]),
    )
    .option("--rank <r>", "of the result, for svd (default: the largest)", wholeNumber(1))
    .option("--seed <n>", "of what dare leaves out", wholeNumber(0))
    .addHelpText(
      "after",
      examples([
        ["attune adapter combine -a runs/a/adapter=0.7 -a runs/b/adapter=0.3 -o ./both", "exactly their sum"],
        ["attune adapter combine -a ./a=1 -a ./b=1 --method svd --rank 8 -o ./both", "the sum at rank 8"],
        ["attune adapter combine -a ./a=1 -a ./b=1 --method ties --density 0.5 -o ./both", "TIES"],
      ]),
    )
    .action(runCombine);

async function runCombine({ adapter, out, model, ...settings }: CombineFlags): Promise<void> {
  const weighed = parseWeighed(adapter);
  const adapters = [];
  for (const { name, path, weight } of weighed) adapters.push({ name, weight, path: await fetchModel(path) });
  const base = model === undefined ? undefined : await fetchModel(model);
  const screen = openScreen();
  screen.show(() => `combining ${plural(adapters.length, "adapter")} …`);
  try {
    const { modules, r } = await combineAdapterDirectories({
      adapters,
      model: base,
      output: out,
      ...settings,
    });
    screen.clear();
    screen.print(
      [
        headerLine("combined", `${weighed.map(({ name, weight }) => `${weight} × ${name}`).join(" + ")}`),
        headerLine("adapter", `${out}: ${plural(modules, "module")} of rank ${r}`),
      ].join("\n"),
    );
  } finally {
    screen.clear();
  }
}

interface ExtractFlags {
  base: string;
  tuned: string;
  out: string;
  rank: number;
  seed?: number;
}

const extractCommand = (): Command =>
  new Command("extract")
    .summary("an adapter of what differs between two models")
    .description(
      "Writes the LoRA adapter that comes closest to what training made of a model: of each linear layer the best approximation of the difference at a rank. Tells what it keeps, and what else differs, which no adapter on linear layers holds.",
    )
    .requiredOption("-b, --base <dir>", "the model before")
    .requiredOption("-t, --tuned <dir>", "the model after")
    .requiredOption("-r, --rank <r>", "the adapter's rank", wholeNumber(1))
    .requiredOption("-o, --out <dir>", "where the adapter goes: a new or empty directory")
    .option("--seed <n>", "of the directions that large matrices are searched from", wholeNumber(0))
    .addHelpText(
      "after",
      examples([
        ["attune adapter extract --base ./model --tuned ./tuned --rank 16 --out ./adapter", "at rank 16"],
      ]),
    )
    .action(runExtract);

async function runExtract({ base, tuned, out, rank, seed }: ExtractFlags): Promise<void> {
  const [from, to] = [await fetchModel(base), await fetchModel(tuned)];
  const screen = openScreen();
  try {
    const report = await extractAdapter({
      base: from,
      tuned: to,
      output: out,
      r: rank,
      baseModel: base,
      seed,
      onProgress: (module, done, total) => screen.show(() => `extracting ${done + 1} of ${total}: ${module}`),
    });
    screen.clear();
    screen.print(extractLines(report).join("\n"));
    screen.print(headerLine("next", attuneCommand(["chat", "--model", base, "--adapter", out])));
  } finally {
    screen.clear();
  }
}

const SHOWN = 3;

function extractLines({ kept, modules, lost }: ExtractReport): string[] {
  const worst = [...modules].sort((a, b) => a.kept - b.kept).slice(0, SHOWN);
  const lines = [
    headerLine(
      "kept",
      `${formatPercent(kept)} of the difference of ${plural(modules.length, "linear layer")}`,
    ),
    ...worst.map(({ module, kept }) => headerLine("", `least: ${module} ${formatPercent(kept)}`)),
  ];
  if (lost.length === 0) return lines;
  const most = [...lost].sort((a, b) => b.change - a.change).slice(0, SHOWN);
  const named = most.map(({ name, change }) => `${name} by ${formatPercent(change)}`).join(", ");
  return [...lines, headerLine("left out", `${plural(lost.length, "other tensor")} that changed: ${named}`)];
}
