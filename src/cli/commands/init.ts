import { type Command, Option } from "commander";
import { PRESETS, presetNames } from "../../run/init/presets.ts";
import { PROPOSED_METHODS } from "../../run/init/propose.ts";
import { openQuestions } from "../ask.ts";
import { examples } from "../help.ts";
import { type InitFlags, initRecipe } from "../init_recipe.ts";
import { number } from "../options.ts";

export const initCommand = (command: Command): Command =>
  command
    .description(
      "Looks at data, model and machine, and writes a recipe with a reason beside each choice. On a terminal it asks what no option says, five questions at most; elsewhere, and with --yes, it takes what it would have proposed. It never overwrites a file.",
    )
    .argument("[data...]", "files, directories or datasets of the hub to train on")
    .option(
      "-m, --model <dir>",
      "a model's directory, or its name on the hub (default: the demo's small model)",
    )
    .addOption(
      new Option(
        "-p, --preset <name>",
        presetNames.map((name) => `${name}: ${PRESETS[name]}`).join("; "),
      ).choices(presetNames),
    )
    .addOption(
      new Option(
        "--method <name>",
        "what is trained (default: LoRA, in 4 bits where memory is short)",
      ).choices(PROPOSED_METHODS),
    )
    .option("--held-out <share>", "share of the rows that is held out, 0 for none", number(0, 0.9))
    .option("-o, --output <dir>", "the run's directory")
    .option("--out <file>", "the recipe's file", "recipe.yaml")
    .option("-y, --yes", "ask nothing")
    .addHelpText(
      "after",
      examples([
        ["attune init data.jsonl", "asks, and writes recipe.yaml"],
        ["attune init data.jsonl -m Qwen/Qwen3-0.6B -p balanced -y", "without questions"],
        ["attune init pairs.jsonl --out dpo.yaml -y", "preferences become a recipe for DPO"],
      ]),
    )
    .action(runInit);

async function runInit(data: string[], flags: InitFlags & { yes?: true }): Promise<void> {
  const isPerson = process.stdin.isTTY && process.stdout.isTTY && !flags.yes;
  const questions = isPerson ? openQuestions({ input: process.stdin, output: process.stdout }) : undefined;
  try {
    const print = (line: string) => void process.stdout.write(`${line}\n`);
    await initRecipe(data, flags, { ask: questions?.ask, print });
  } finally {
    questions?.close();
  }
}
