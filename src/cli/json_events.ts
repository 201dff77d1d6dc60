import type { StagedEvent } from "../run/train_stages.ts";
import { AttuneError, partsOf } from "../text/errors.ts";
import { storedRecipe } from "../training/recipe.ts";

/** An event of a run, or the error that ended it, as a line of JSON: what `attune train --json` prints. */
export const eventLine = (event: StagedEvent | ErrorEvent): string =>
  `${JSON.stringify(event.type === "stage" ? { ...event, recipe: storedRecipe(event.recipe) } : event, finite)}\n`;

/** JSON has no numbers that are not finite. */
const finite = (_: string, value: unknown) =>
  typeof value === "number" && !Number.isFinite(value) ? null : value;

/** The last line of a run that failed. `message` is what a person reads; the other parts are what it is made of. */
export interface ErrorEvent {
  type: "error";
  code: string;
  message: string;
  place?: string;
  problem?: string;
  expected?: string;
  got?: string;
  wayOut?: string;
  faults?: ReturnType<typeof partsOf>["faults"];
}

/** An error that is no AttuneError is a fault of attune's own. */
export function errorEvent(error: unknown): ErrorEvent {
  if (error instanceof AttuneError) return { type: "error", message: error.message, ...partsOf(error) };
  const stack = error instanceof Error ? error.stack : undefined;
  return { type: "error", code: "cli.fault", message: String(error), ...(stack && { problem: stack }) };
}
