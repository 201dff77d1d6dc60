import { stripVTControlCharacters, styleText } from "node:util";
import { AttuneError } from "../text/errors.ts";
import { version } from "../text/version.ts";

/** The exit code of every failure; a run stopped by a signal has 128 + the signal's number. */
export const failureCode = 1;

/** On stderr: what the user can act on as a message, our own mistakes with their stack. */
export function sayFailure(error: unknown): void {
  process.stderr.write(`${describeFailure(error)}\n`);
}

export function describeFailure(error: unknown): string {
  const label = styleText("red", "error:", { stream: process.stderr });
  if (error instanceof AttuneError) return `${label} ${forTerminal(error.message)}`;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${label} this is a fault in attune; please report it with these lines and the command.\nattune ${version}, Node ${process.version}, ${process.platform} ${process.arch}\n${stack}`;
}

/** Messages quote files, and files may hold anything: nothing of it should steer the terminal. */
export function forTerminal(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\uFFFD");
}
