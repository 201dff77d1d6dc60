import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeInputOf, type Work } from "./inputs.ts";
import { writeInput } from "./target.ts";
import type { Outcome } from "./worker.ts";

export interface Fault extends Work {
  what: string;
  /** Where the input was written. */
  directory: string;
}

export interface StormOptions {
  targets: readonly string[];
  /** Inputs of each target. */
  runs: number;
  /** Of the first; each further input has the next. */
  seed: number;
  /** Where inputs at fault are written. */
  directory: string;
  /** 5 when left out. */
  cpuSeconds?: number;
  onFault?: (fault: Fault) => void;
  onProgress?: (target: string, done: number, refused: number) => void;
}

const WALL_SECONDS = 60; // it waits for something that doesn't come, or the machine is very busy
const HEAP_MEGABYTES = 1536;

/** Reads mutated inputs in a process of its own. Faults are exceptions of ours, endless time or memory, and long messages. */
export async function runStorm(options: StormOptions): Promise<Fault[]> {
  const faults: Fault[] = [];
  let worker: Worker | undefined;
  for (const target of options.targets) {
    let refused = 0;
    for (let i = 0; i < options.runs; i++) {
      const work = { target, seed: options.seed + i };
      worker ??= await startWorker(options.cpuSeconds ?? 5);
      const outcome = await worker.read(work);
      if (outcome === "dead" || outcome.fault !== undefined) {
        const what = outcome === "dead" ? worker.death() : outcome.fault!;
        const fault = { ...work, what, directory: await keepInput(options.directory, work, what) };
        faults.push(fault);
        options.onFault?.(fault);
        worker.end();
        worker = undefined;
      }
      if (outcome !== "dead" && outcome.refused) refused++;
      options.onProgress?.(target, i + 1, refused);
    }
  }
  worker?.end();
  return faults;
}

async function keepInput(directory: string, work: Work, what: string): Promise<string> {
  const path = join(directory, `${work.target}-${work.seed}`);
  const { input } = await makeInputOf(work);
  mkdirSync(path, { recursive: true });
  writeInput(path, input);
  writeFileSync(join(path, "FAULT.txt"), `${what}\n`);
  return path;
}

interface Worker {
  read(work: Work): Promise<Outcome | "dead">;
  /** Why it died. */
  death(): string;
  end(): void;
}

async function startWorker(cpuSeconds: number): Promise<Worker> {
  const child = fork(fileURLToPath(new URL("worker.ts", import.meta.url)), {
    execArgv: ["--import", "tsx", `--max-old-space-size=${HEAP_MEGABYTES}`],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let said = "";
  let reason: string | undefined;
  child.stderr!.on("data", (chunk) => {
    said = (said + chunk).slice(-2000);
  });
  await new Promise<void>((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", () => reject(new Error(`the fuzzer's worker doesn't start: ${said}`)));
  });
  const kill = (why: string) => {
    reason = why;
    child.kill("SIGKILL");
  };
  return {
    read: (work) => ask(child, work, cpuSeconds, kill),
    death: () => reason ?? `the process died: ${said}`,
    end: () => void child.kill("SIGKILL"),
  };
}

function ask(
  child: ChildProcess,
  work: Work,
  cpuSeconds: number,
  kill: (why: string) => void,
): Promise<Outcome | "dead"> {
  return new Promise((resolve) => {
    const begun = { cpu: cpuTime(child), wall: performance.now() };
    const watch = setInterval(() => {
      const wall = (performance.now() - begun.wall) / 1000;
      const cpu = begun.cpu === undefined ? wall : (cpuTime(child) ?? 0) - begun.cpu;
      if (cpu > cpuSeconds) kill(`it took more than ${cpuSeconds} s`);
      else if (wall > WALL_SECONDS) kill(`it waited for more than ${WALL_SECONDS} s`);
    }, 100);
    const finish = (outcome: Outcome | "dead") => {
      clearInterval(watch);
      child.off("message", finish);
      child.off("exit", died);
      resolve(outcome);
    };
    const died = () => finish("dead");
    child.once("message", finish);
    child.once("exit", died);
    child.send(work);
  });
}

/** Time that the process has computed; undefined where the system doesn't say. */
function cpuTime({ pid }: ChildProcess): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}
