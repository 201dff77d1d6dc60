import { join } from "node:path";
import * as z from "zod";
import { writeFileAtomic } from "../../files/atomic.ts";
import { ifThere, readJsonObject } from "../../files/json_file.ts";
import { AttuneError } from "../../text/errors.ts";
import type { TrialValues } from "./plan.ts";

/** One setting that is tried: a run in `trials/NAME`. */
export interface Trial {
  name: string;
  values: TrialValues;
  /** `dropped`: others were better at that step. `failed`: its loss was no number. */
  state: "open" | "finished" | "dropped" | "failed";
  /** Rungs it has passed. */
  rungs: number;
  step: number;
  /** The lowest held-out loss so far. */
  loss?: number;
  problem?: string;
}

export const SWEEP_FILE = "sweep.json";

const Stored = z.object({
  /** What the sweep was asked for: it goes on with that alone. */
  asked: z.string(),
  trials: z.array(
    z.object({
      name: z.string(),
      values: z.record(z.string(), z.unknown()),
      state: z.enum(["open", "finished", "dropped", "failed"]),
      rungs: z.int().nonnegative(),
      step: z.int().nonnegative(),
      loss: z.number().optional(),
      problem: z.string().optional(),
    }),
  ),
});

/**
 * The trials of an earlier start of the same sweep, or new ones.
 * @throws AttuneError when the directory holds another sweep, a run, or a damaged file.
 */
export async function readSweep(
  output: string,
  values: readonly TrialValues[],
  asked: string,
): Promise<Trial[]> {
  const file = join(output, SWEEP_FILE);
  if (await ifThere(readJsonObject(join(output, "recipe.json"))))
    throw new AttuneError({
      code: "run.sweep-over-run",
      place: output,
      problem: "the directory holds a run",
      wayOut: "Choose another: --output DIR",
    });
  const stored = await ifThere(readJsonObject(file));
  if (!stored)
    return values.map((one, i) => ({ ...fresh, name: String(i + 1).padStart(3, "0"), values: one }));
  const { data } = Stored.safeParse(stored);
  if (!data)
    throw new AttuneError({
      code: "run.damaged-sweep",
      place: file,
      problem: "it can't be read",
      wayOut: "Remove it: runs that are there go on from their checkpoints",
    });
  if (data.asked !== asked)
    throw new AttuneError({
      code: "run.other-sweep",
      place: output,
      problem: "the directory holds another sweep: its recipe, keys or values differ",
      wayOut: "Choose another: --output DIR",
    });
  return data.trials;
}

const fresh = { state: "open", rungs: 0, step: 0 } as const;

export const writeSweep = (output: string, trials: readonly Trial[], asked: string): Promise<void> =>
  writeFileAtomic(join(output, SWEEP_FILE), `${JSON.stringify({ asked, trials }, null, 1)}\n`);
