import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import { AttuneError } from "../text/errors.ts";
import { sayFailure } from "./failure.ts";
import type { Talker } from "./talker.ts";

/** Who can answer. */
export interface Voices {
  names: readonly string[];
  use(name: string): void;
}

/**
 * Reads a message a line and answers it, until the input ends. A person at a terminal gets a prompt, and Ctrl-C ends
 * the answer under way; lines from a pipe are answered one after the other, and only the answers go to the output.
 */
export async function converse(talker: Talker, voices: Voices): Promise<void> {
  const person = process.stdin.isTTY && process.stdout.isTTY;
  const output = person ? process.stdout : undefined;
  const lines = createInterface({ input: process.stdin, output, terminal: person, prompt: PROMPT });
  const commands = chatCommands(talker, voices);
  const invite = (text: string) => {
    process.stdout.write(`\r\x1b[K${styleText("dim", text)}\n`);
    lines.prompt();
  };
  lines.on("SIGINT", () => {
    if (!talker.interrupt()) invite("Ctrl-D leaves.");
  });
  if (person) invite("Type a message. /help shows what else; Ctrl-D leaves.");
  for await (const line of lines) {
    await take(line.trim(), talker, commands);
    if (person) lines.prompt();
  }
  if (person) process.stdout.write("\n");
}

const PROMPT = styleText("bold", "> ");

async function take(line: string, talker: Talker, commands: ChatCommands): Promise<void> {
  if (line === "") return;
  const [, name, argument] = /^\/(\w*)\s*(.*)$/.exec(line) ?? [];
  if (name !== undefined) return note((commands[name] ?? commands.help!).run(argument!));
  await talker.answer(line).catch((error) => {
    if (!(error instanceof AttuneError)) throw error;
    sayFailure(error); // the conversation goes on
  });
}

const note = (text: string) =>
  void process.stderr.write(`${styleText("dim", text, { stream: process.stderr })}\n`);

type ChatCommands = Readonly<Record<string, { does: string; run(argument: string): string }>>;

/** What begins with a slash; each gives back what to tell. */
function chatCommands(talker: Talker, { names, use }: Voices): ChatCommands {
  const known = names.join(", ");
  const commands: ChatCommands = {
    __proto__: null as never, // so that no inherited name is a command
    reset: {
      does: "forget what was said",
      run() {
        talker.reset();
        return "a new conversation";
      },
    },
    adapter: {
      does: `choose who answers: ${known}`,
      run(name) {
        if (!names.includes(name)) return `/adapter NAME: one of ${known}`;
        use(name);
        return `${name} answers from now on`;
      },
    },
    help: { does: "this list", run: () => describe(commands) },
  };
  return commands;
}

const describe = (commands: ChatCommands): string =>
  [
    ...Object.entries(commands).map(([name, { does }]) => `/${name.padEnd(8)} ${does}`),
    "Ctrl-C    end the answer under way",
    "Ctrl-D    leave",
  ].join("\n");
