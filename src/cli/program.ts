import { Command } from "commander";
import { version } from "../text/version.ts";
import { COMMANDS } from "./command_list.ts";
import { examples } from "./help.ts";

/** The command line. */
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
  for (const [name, [summary]] of Object.entries(COMMANDS))
    program
      .command(name)
      .summary(summary)
      .helpOption("-h, --help", "show help")
      .showHelpAfterError(`(attune ${name} --help shows examples)`);
  return withHelpCommand(program.hook("preSubcommand", (_, command) => define(command)));
}

/** Reads the files of all commands. */
export async function defineAll(program: Command): Promise<Command> {
  for (const command of program.commands) await define(command);
  return program;
}

async function define(command: Command): Promise<void> {
  const [, load] = COMMANDS[command.name()] ?? [];
  if (load) (await load())(command);
}

/** Commander's own shows a command's help before its file is read. */
function withHelpCommand(program: Command): Command {
  program
    .helpCommand(false)
    .command("help [command]")
    .description("show a command's help")
    .action(async (name?: string) => {
      const words = name === undefined ? ["--help"] : name in COMMANDS ? [name, "--help"] : [name];
      await program.parseAsync(words, { from: "user" });
    });
  return program;
}
