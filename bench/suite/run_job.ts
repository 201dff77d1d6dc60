import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import type { JobEvent, Measured } from "./job.ts";

/** A program and its arguments, and what is set in its environment. */
export interface Command {
  words: readonly string[];
  env?: Record<string, string>;
  /** What a step takes, where the program doesn't say; one when left out. */
  examples?: number;
  /** What it writes: removed before it starts, and after it. */
  output?: string;
}

/** The words of `attune train --json`, too. */
type Line = JobEvent | { type: string; seconds?: number; tokens?: number; loss?: number };

const SEEN_EVERY = 50; // ms between looks at a process' memory
const LAST_LINES = 15; // of what a failed process said

/** Runs a command in a process of its own and measures what it says, its times from outside, and its peak memory. */
export async function measure({ words, env, examples, output }: Command): Promise<Measured> {
  const clear = () => output && rmSync(output, { recursive: true, force: true });
  clear();
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  const [program, ...rest] = words;
  const child = spawn(program!, rest, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const measured: Measured = {
    ...{ firstStepBegins: 0, firstStepEnds: 0, before: 0, steps: [], peakBytes: 0, versions: {} },
  };
  let errors = "";
  child.stderr.on("data", (text) => {
    errors += text;
  });
  const look = setInterval(() => {
    measured.peakBytes = Math.max(measured.peakBytes, peakOf(child.pid!));
  }, SEEN_EVERY);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith('{"')) take(measured, JSON.parse(line), since(), examples);
  const code = await ended;
  clearInterval(look);
  clear();
  if (code === 0 && measured.steps.length > 0) return measured;
  throw new Error(
    `${words.join(" ")} ended with ${code}\n${errors.split("\n").slice(-LAST_LINES).join("\n")}`,
  );
}

function take(measured: Measured, line: Line, at: number, examples = 1): void {
  const kind = "event" in line ? line.event : line.type;
  if (kind === "start") {
    measured.firstStepBegins = at;
    if ("event" in line && line.event === "start") {
      measured.before = line.before ?? 0;
      measured.versions = line.versions ?? {};
    }
  }
  if (kind === "step") {
    if (measured.steps.length === 0) measured.firstStepEnds = at;
    const { seconds = 0, tokens = 0, loss } = line as { seconds?: number; tokens?: number; loss?: number };
    measured.steps.push({ seconds, tokens, loss, examples: "examples" in line ? line.examples : examples });
  }
  if ("event" in line && line.event === "end")
    measured.peakBytes = Math.max(measured.peakBytes, line.peakBytes);
}

function peakOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has ended
  }
}
