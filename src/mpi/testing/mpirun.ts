/** Starts processes together, where MPI is installed. */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/** Debian's names of the launchers, and what they need to start more processes than there are cores. */
const LAUNCHERS: Record<string, string[]> = {
  OpenMPI: ["mpirun.openmpi", "--oversubscribe"],
  MPICH: ["mpirun.mpich"],
};

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** Words that start `size` processes of a TypeScript program. */
export const together = (by: string, size: number, program: string, ...words: string[]): string[] => [
  ...LAUNCHERS[by]!,
  ...["-n", String(size), process.execPath, "--import", tsx, program, ...words],
];

/** OpenMPI refuses root, which tests in containers are. */
export const environment = {
  ...process.env,
  NO_COLOR: "1",
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
};

export const installed = Object.keys(LAUNCHERS).filter((by) => {
  try {
    execFileSync(LAUNCHERS[by]![0]!, ["--version"], { env: environment, stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
});

/** @returns what was printed; throws what was printed where it failed */
export function runTogether([command, ...words]: string[]): string {
  return execFileSync(command!, words, { env: environment, encoding: "utf8", stdio: "pipe" });
}
