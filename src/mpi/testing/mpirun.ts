/** Starts processes together, where MPI is installed. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { programWords } from "../../testing/programs.ts";

/** Debian's names of the launchers, and what they need to start more processes than there are cores. */
const LAUNCHERS: Record<string, string[]> = {
  OpenMPI: ["mpirun.openmpi", "--oversubscribe"],
  MPICH: ["mpirun.mpich"],
};

/** Words that start `size` processes of a program. */
const together = (by: string, size: number, ...words: string[]): string[] => [
  ...LAUNCHERS[by]!,
  ...["-n", String(size), process.execPath, ...words],
];

/** Words that start `size` processes of `attune ...words`. */
export const attuneTogether = (by: string, size: number, ...words: string[]): string[] =>
  together(by, size, ...programWords("cli"), ...words);

/** Words that start `size` processes of train_together.ts. */
export const trainTogether = (by: string, size: number, ...words: string[]): string[] =>
  together(by, size, ...programWords("train_together"), ...words);

/** OpenMPI refuses root, which tests in containers are, and kills a second after a signal: too soon on busy cores. */
export const environment = {
  ...process.env,
  NO_COLOR: "1",
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_odls_base_sigkill_timeout: "2",
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

export interface Started {
  process: ChildProcess;
  /** All that was printed so far. */
  said(): string;
  /** Resolves once what was printed matches. */
  until(wanted: (said: string) => boolean): Promise<void>;
  ended: Promise<{ code: number | null; seconds: number }>;
}

/** Starts such words, or several of them with ":" between. */
export function startTogether([command, ...words]: string[]): Started {
  const child = spawn(command!, words, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const started = performance.now();
  let said = "";
  let look = () => {};
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => {
      said += text;
      look();
    });
  return {
    process: child,
    said: () => said,
    until: (wanted) =>
      new Promise((resolve, reject) => {
        look = () => wanted(said) && resolve();
        child.on("close", () => reject(new Error(`it ended, and had printed: ${said}`)));
        look();
      }),
    ended: new Promise((resolve) =>
      child.on("close", (code) => resolve({ code, seconds: (performance.now() - started) / 1000 })),
    ),
  };
}

/** Words that start one program's processes and then another's, as one world. */
export const oneWorld = (first: string[], second: string[]): string[] => [
  ...first,
  ":",
  ...second.slice(1).filter((word) => word !== "--oversubscribe"),
];

/** Processes below `parent` that a launcher started, in the order of their ranks. */
export function ranksOf(parent: number): number[] {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, fields] = readFileSync(join("/proc", name, "stat"), "utf8").split(") ");
        return Number(fields!.split(" ")[1]) === parent ? [Number(name)] : [];
      } catch {
        return [];
      }
    });
  const found = children.flatMap((pid) => (rankOf(pid) === undefined ? ranksOf(pid) : [pid]));
  return found.sort((a, b) => rankOf(a)! - rankOf(b)!);
}

/** Nothing for what isn't one of the processes that were started together, or has ended. */
export function rankOf(pid: number): number | undefined {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    const own = variables.find((each) => /^(PMI_RANK|OMPI_COMM_WORLD_RANK)=/.test(each));
    return own === undefined ? undefined : Number(own.split("=")[1]);
  } catch {
    return undefined;
  }
}
