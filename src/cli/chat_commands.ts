import type { Talker } from "./talker.ts";

/** Who can answer. */
export interface Voices {
  names: readonly string[];
  use(name: string): void;
}

/** What a line of a conversation asks for. */
export type ChatLine = { message: string } | { command: string; argument: string };

/**
 * A line that is `/word`, alone or with more after a space, is a command; of `//word` the first slash is taken away, and the
 * rest is sent. Anything else that begins with a slash, such as a path, and any text of several lines is a message.
 */
export function parseLine(text: string): ChatLine {
  const line = text.trim();
  if (line.includes("\n")) return { message: text };
  if (line.startsWith("//")) return { message: line.slice(1) };
  const [, command, argument = ""] = /^\/([a-z]+)(?:\s+(.*))?$/i.exec(line) ?? [];
  return command === undefined ? { message: text } : { command, argument };
}

/** What a command comes to: a text to tell, whether it failed, whether the conversation ends. */
export interface Outcome {
  text?: string;
  failed?: boolean;
  leave?: boolean;
}

export type ChatCommands = (command: string, argument: string) => Outcome;

interface Command {
  does: string;
  run(argument: string): Outcome;
}

/** The commands of a conversation. */
export function chatCommands(talker: Talker, { names, use }: Voices): ChatCommands {
  const known = names.join(", ");
  const commands: Readonly<Record<string, Command>> = {
    __proto__: null as never, // so that no inherited name is a command
    reset: {
      does: "forget the conversation",
      run() {
        talker.reset();
        return { text: "a new conversation" };
      },
    },
    adapter: {
      does: `choose who answers: ${known}`,
      run(name) {
        if (!names.includes(name)) return { text: `/adapter NAME: one of ${known}`, failed: true };
        use(name);
        return { text: `${name} answers from now on` };
      },
    },
    quit: { does: "leave; so does /exit", run: () => ({ leave: true }) },
    help: { does: "this list", run: () => ({ text: list() }) },
  };
  const list = (): string =>
    [
      ...Object.entries(commands).map(([name, { does }]) => `/${name.padEnd(8)} ${does}`),
      "//…       say something that begins with a slash",
      "Ctrl-C    end the answer under way, or drop the line",
      "Ctrl-D    leave",
    ].join("\n");
  return (command, argument) => {
    const found = commands[command === "exit" ? "quit" : command];
    if (found) return found.run(argument);
    return { text: `there is no /${command}; to say it, write //${command}\n${list()}`, failed: true };
  };
}
