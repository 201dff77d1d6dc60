import { styleText } from "node:util";
import type { Command } from "commander";
import { type Launched, leaveLaunched } from "../mpi/implementations.ts";
import { failBeforeJoining, rankName } from "../mpi/last_word.ts";
import { FORWARDING, patience } from "./one_of_many.ts";

/** Commands that the processes do together. */
const SHARED: readonly string[] = ["attune train", "attune eval"];

/**
 * Makes `program` one that `mpirun` or `srun` started several times: help is printed once, a wrong command line ends all, and a
 * command that isn't shared out runs in the first process alone.
 */
export function launchedProgram(program: Command, launched: Launched): void {
  for (const command of [program, ...program.commands]) speakOnce(command as Command, launched);
  program
    .hook("preSubcommand", (_, command) => {
      for (const each of command.commands) speakOnce(each as Command, launched);
    })
    .hook("preAction", (_, action) => {
      const name = fullName(action);
      if (!SHARED.includes(name)) runAlone(name, launched);
    });
}

function speakOnce(command: Command, launched: Launched): void {
  const { rank } = launched;
  if (rank > 0) command.configureOutput({ writeOut: () => {} });
  command.configureOutput({
    outputError(text, write) {
      pause(patience(rank));
      write(`${rankName(launched)}: ${text}`);
    },
  });
  command.exitOverride(({ exitCode }) => {
    if (exitCode === 0) process.exit();
    pause(FORWARDING);
    failBeforeJoining(launched, exitCode);
  });
}

function runAlone(name: string, { rank, size }: Launched): void {
  if (rank > 0) process.exit();
  if (size !== undefined && size > 1)
    process.stderr.write(`${note()} ${name} runs in one of the ${size} processes; the others have ended\n`);
  leaveLaunched(process.env);
}

const note = () => styleText("dim", "note:", { stream: process.stderr });

const fullName = (command: Command): string =>
  command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();

/** Without the event loop: commander ends the process as soon as it has spoken. */
const pause = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
