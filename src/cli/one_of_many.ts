import { availableParallelism, cpus, hostname } from "node:os";
import { type MpiWorld, openWorld } from "../mpi/world.ts";
import { describeFailure, failureCode } from "./failure.ts";
import { plural } from "./format.ts";
import { headerLine } from "./train_header.ts";

/**
 * Does `work` as one of the processes that `mpirun` or `srun` started, or alone. When one fails, all end at once.
 * @throws AttuneError when it was started by MPI, whose library can't be used
 */
export async function asOneOfMany(work: (world: MpiWorld | undefined) => Promise<void>): Promise<void> {
  const world = openWorld();
  if (!world) return work(undefined);
  try {
    await work(world);
    world.finalize();
  } catch (error) {
    await endAll(world, error);
  }
}

const PATIENCE = 1000; // ms: what all ranks find wrong, the first one says
const FORWARDING = 200; // ms: MPICH's launcher may drop what it has not read yet when all are ended

async function endAll(world: MpiWorld, error: unknown): Promise<void> {
  if (world.rank > 0) await after(PATIENCE);
  const who = `rank ${world.rank} of ${world.size} on ${hostname()}`;
  await new Promise((resolve) => process.stderr.write(`${who}: ${describeFailure(error)}\n`, resolve));
  await after(FORWARDING);
  world.abort(failureCode);
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
