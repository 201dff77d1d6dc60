import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import { AttuneError } from "../text/errors.ts";
import { type ChatCommands, chatCommands, type Outcome, parseLine, type Voices } from "./chat_commands.ts";
import { sayFailure } from "./failure.ts";
import type { Talker } from "./talker.ts";
import { openTerminalLines } from "./terminal_lines.ts";

export interface ConverseOptions {
  /** Messages keep the white space around them. */
  verbatim: boolean;
}

/**
 * Answers one message after the other, until the input ends. A person at a terminal gets a prompt, and Ctrl-C ends the
 * answer under way; of a pipe each line is a message, and only the answers go to the output.
 * @returns whether all that came from a pipe was answered; a person has seen what was not.
 */
export async function converse(
  talker: Talker,
  voices: Voices,
  { verbatim }: ConverseOptions,
): Promise<boolean> {
  const commands = chatCommands(talker, voices);
  const take = (text: string) => takeLine(verbatim ? text : text.trim(), talker, commands);
  if (!process.stdin.isTTY || !process.stdout.isTTY) return answerLines(take);
  await converseAtTerminal(talker, take);
  return true;
}

type Take = (text: string) => Promise<Outcome>;

async function converseAtTerminal(talker: Talker, take: Take): Promise<void> {
  const lines = openTerminalLines(talker.interrupt);
  try {
    lines.tell("Type a message. /help shows what else; Ctrl-D or /quit leaves.");
    for (let text = await lines.next(); text !== undefined; text = await lines.next())
      if ((await take(text)).leave) return;
    process.stdout.write("\n");
  } finally {
    lines.close();
  }
}

async function answerLines(take: Take): Promise<boolean> {
  const outcomes: Outcome[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    outcomes.push(await take(line));
    if (outcomes.at(-1)!.leave) break;
  }
  if (outcomes.length === 0) note("nothing came on the standard input: a line there is a message");
  return !outcomes.some(({ failed }) => failed);
}

/** Runs a command or answers. An error is shown, and the conversation goes on. */
async function takeLine(text: string, talker: Talker, commands: ChatCommands): Promise<Outcome> {
  if (text.trim() === "") return {};
  const line = parseLine(text);
  if ("command" in line) {
    const outcome = commands(line.command, line.argument);
    if (outcome.text !== undefined) note(outcome.text);
    return outcome;
  }
  try {
    await talker.answer(line.message);
    return {};
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    sayFailure(error);
    return { failed: true };
  }
}

/** Beside the conversation, on stderr. */
export const note = (text: string) =>
  void process.stderr.write(`${styleText("dim", text, { stream: process.stderr })}\n`);
