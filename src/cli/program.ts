import { Command } from "commander";
import { version } from "../text/version.ts";
import { adapterCommand } from "./commands/adapter.ts";
import { chatCommand } from "./commands/chat.ts";
import { compareCommand } from "./commands/compare.ts";
import { dataCommand } from "./commands/data.ts";
import { demoCommand } from "./commands/demo.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { estimateCommand } from "./commands/estimate.ts";
import { evalCommand } from "./commands/eval.ts";
import { exportCommand } from "./commands/export.ts";
import { initCommand } from "./commands/init.ts";
import { labCommand } from "./commands/lab.ts";
import { mergeCommand } from "./commands/merge.ts";
import { pushCommand } from "./commands/push.ts";
import { quantizeCommand } from "./commands/quantize.ts";
import { serveCommand } from "./commands/serve.ts";
import { sweepCommand } from "./commands/sweep.ts";
import { tokenizerCommand } from "./commands/tokenizer.ts";
import { trainCommand } from "./commands/train.ts";
import { examples } from "./help.ts";

/** The command line. Each command says what it does in its own file. */
export function createProgram(): Command {
  const program = new Command("attune")
    .description("Instruction tuning for language models, on this machine.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .showHelpAfterError("(attune --help shows examples)")
    .addHelpText(
      "after",
      examples([
        ["attune demo", "tune a tiny model, see before and after"],
        ["attune train recipe.yaml", "run a recipe"],
        ["attune chat runs/mine", "talk to the result"],
        ["attune train --help", "what a command can do"],
      ]),
    );
  for (const command of [
    demoCommand(),
    labCommand(),
    initCommand(),
    estimateCommand(),
    trainCommand(),
    dataCommand(),
    evalCommand(),
    compareCommand(),
    sweepCommand(),
    chatCommand(),
    serveCommand(),
    mergeCommand(),
    exportCommand(),
    pushCommand(),
    adapterCommand(),
    quantizeCommand(),
    tokenizerCommand(),
    doctorCommand(),
  ])
    program.addCommand(
      command
        .helpOption("-h, --help", "show help")
        .showHelpAfterError(`(attune ${command.name()} --help shows examples)`),
    );
  return program.helpCommand("help [command]", "show a command's help");
}
