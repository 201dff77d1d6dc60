import { createInterface } from "node:readline/promises";
import { AttuneError } from "../text/errors.ts";
import { forTerminal } from "./failure.ts";

/** Questions to a person at a terminal. */
export interface Questions {
  /** The answer, or what is proposed where it is empty. @throws AttuneError when the person leaves. */
  ask(question: string, proposed: string): Promise<string>;
  close(): void;
}

interface Streams {
  input: NodeJS.ReadableStream;
  output: NodeJS.WritableStream;
}

/** One after the other, each on a line of its own. */
export function openQuestions({ input, output }: Streams): Questions {
  const lines = createInterface({ input, output });
  const left = new Promise<never>((_, reject) => {
    lines.once("close", () =>
      reject(
        new AttuneError({
          code: "cli.questions-ended",
          problem: "the questions ended before all were answered; nothing is written",
        }),
      ),
    );
  });
  left.catch(() => {}); // it may be closed when nothing is asked
  return {
    async ask(question, proposed) {
      const answer = lines.question(`${forTerminal(question)} [${forTerminal(proposed)}] `);
      return (await Promise.race([answer, left])).trim() || proposed;
    },
    close: () => lines.close(),
  };
}
