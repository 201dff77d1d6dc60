import { availableParallelism, cpus } from "node:os";
import { type Launched, launchedBy } from "../mpi/implementations.ts";
import { failBeforeJoining, rankName } from "../mpi/last_word.ts";
import { type MpiWorld, openWorld } from "../mpi/world.ts";
import { describeFailure, failureCode } from "./failure.ts";
import { plural } from "./format.ts";
import { headerLine } from "./train_header.ts";

/** Does `work` as one of the processes that `mpirun` or `srun` started, or alone. When one fails, all end at once. */
export async function asOneOfMany(work: (world: MpiWorld | undefined) => Promise<void>): Promise<void> {
  const launched = launchedBy(process.env);
  if (!launched) return work(undefined);
  let world: MpiWorld | undefined;
  try {
    world = openWorld();
    await work(world);
    world?.finalize();
  } catch (error) {
    await endAll(launched, world, error);
  }
}

/** What all ranks find wrong, the first one says, and that ends the others before they speak. */
export const patience = (rank: number): number => (rank > 0 ? 3000 : 0); // ms

/** MPICH's launcher may drop what it has not read yet when all are ended. */
export const FORWARDING = 200; // ms

async function endAll(launched: Launched, world: MpiWorld | undefined, error: unknown): Promise<void> {
  await after(patience(launched.rank));
  const said = `${rankName(world ?? launched)}: ${describeFailure(error)}\n`;
  await new Promise((resolve) => process.stderr.write(said, resolve));
  await after(FORWARDING);
  if (world) world.abort(failureCode);
  else failBeforeJoining(launched, failureCode);
}

const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Threads of this process: the cores that the launcher gave it or, where it may use all, its share. Undefined when alone. */
export function threadsOf(world: MpiWorld | undefined): number | undefined {
  if (!world) return undefined;
  const given = availableParallelism();
  return given < cpus().length ? given : Math.max(1, Math.floor(given / (world.localSize ?? world.size)));
}

export const worldLine = ({ size, version }: MpiWorld, threads?: number): string => {
  const each = threads === undefined ? "" : `, ${plural(threads, "thread")} each`;
  return headerLine("ranks", `${size} processes${each}; ${version}`);
};
