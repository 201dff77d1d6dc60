import { AttuneError } from "../text/errors.ts";
import type { Ranks } from "../training/ranks.ts";
import { type Launched, launchedBy } from "./implementations.ts";
import { watchOver } from "./last_word.ts";
import { isThreaded, loadMpi } from "./library.ts";
import { sumInOrder } from "./sum_in_order.ts";

/** The processes that `mpirun` or `srun` started together. */
export interface MpiWorld extends Ranks {
  /** How many of them are on this machine, where the launcher says so. */
  localSize?: number;
  /** The library, as it calls itself. */
  version: string;
  /** Ends all processes at once. */
  abort(code: number): void;
  /** Waits until all are done. */
  finalize(): void;
}

/**
 * Joins the processes that this one was started with.
 * @returns nothing where it was started alone
 * @throws AttuneError when MPI's library is missing or can't be called from threads
 */
export function openWorld(env: NodeJS.ProcessEnv = process.env): MpiWorld | undefined {
  const launched = launchedBy(env);
  return launched && join(launched, env);
}

function join(launched: Launched, env: NodeJS.ProcessEnv): MpiWorld {
  const mpi = loadMpi(launched.by, env);
  const endWatch = watchOver(launched);
  const level = mpi.init();
  if (!isThreaded(level))
    throw new AttuneError({
      code: "mpi.no-threads",
      problem: `${mpi.version} was built without support for threads`,
      wayOut: "Use one that gives MPI_THREAD_SERIALIZED",
    });
  const place = { rank: mpi.rank(), size: mpi.size() };
  let last: Promise<void> = Promise.resolve(); // one call at a time
  return {
    ...place,
    localSize: launched.localSize,
    version: mpi.version,
    sum(arrays, as) {
      last = last.then(() => sumInOrder(mpi, arrays, { size: place.size, as }));
      return last;
    },
    abort(code) {
      endWatch();
      mpi.abort(code);
    },
    finalize() {
      mpi.finalize();
      endWatch();
    },
  };
}
