/**
 * The process in which inputs are read: the storm that started it gives one after another, watches its time, and starts
 * another one when it dies.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AttuneError } from "../../src/text/errors.ts";
import { createDraw } from "./draw.ts";
import { makeInputOf, type Work } from "./inputs.ts";
import { writeInput } from "./target.ts";

/** What became of an input; without a fault it was read or refused as it should be. */
export interface Outcome {
  fault?: string;
  refused: boolean;
}

const LONGEST_MESSAGE = 1000; // characters
const MOST_GROWTH = 2 ** 30; // bytes
const OTHERS_WORDS =
  /\bZodError\b|Invalid input|Unrecognized key|✖|is not a function|Cannot read propert|undefined is not/;

async function read(work: Work): Promise<Outcome> {
  const { target, input } = await makeInputOf(work);
  const directory = mkdtempSync(join(tmpdir(), "attune-fuzz-"));
  writeInput(directory, input);
  input.clear();
  const before = process.memoryUsage().rss;
  const peak = process.resourceUsage().maxRSS;
  try {
    const outcome = await outcomeOf(() =>
      target.read(directory, createDraw(`${target.name} read`, work.seed)),
    );
    const highest = process.resourceUsage().maxRSS;
    if (outcome.fault !== undefined || highest === peak) return outcome;
    const growth = highest * 1024 - before;
    return growth > MOST_GROWTH
      ? { ...outcome, fault: `memory grew by ${Math.round(growth / 2 ** 20)} MB` }
      : outcome;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function outcomeOf(run: () => Promise<void>): Promise<Outcome> {
  try {
    await run();
    return { refused: false };
  } catch (error) {
    if (!(error instanceof AttuneError))
      return { refused: true, fault: `threw ${(error as Error)?.stack ?? error}` };
    const { message } = error;
    if (message.length > LONGEST_MESSAGE)
      return {
        refused: true,
        fault: `a message of ${message.length} characters: ${message.slice(0, 300)} …`,
      };
    if (OTHERS_WORDS.test(message)) return { refused: true, fault: `a message that isn't ours: ${message}` };
    return { refused: true };
  }
}

let stray: string | undefined; // what was thrown where nobody waits for it
process.on("unhandledRejection", (error) => {
  stray ??= `rejected, unhandled: ${(error as Error)?.stack ?? error}`;
});
process.on("uncaughtException", (error) => {
  stray ??= `threw, uncaught: ${error.stack}`;
});

process.on("message", async (work: Work) => {
  stray = undefined;
  const outcome = await read(work);
  await new Promise((resolve) => setImmediate(resolve));
  process.send!({ ...outcome, ...(stray !== undefined && { fault: stray }) } satisfies Outcome);
});
process.send!("ready");
