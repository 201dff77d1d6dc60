import { AttuneError } from "../text/errors.ts";
import { mpiVersion } from "./library.ts";

/** What a run that `mpirun` starts would call, in words. */
export function findMpi(env: NodeJS.ProcessEnv = process.env): string {
  try {
    return `${mpiVersion(env)}: mpirun -n 2 attune train RECIPE`;
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    return "none found; with OpenMPI or MPICH a run goes on several processes or machines";
  }
}
