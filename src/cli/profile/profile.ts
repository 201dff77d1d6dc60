import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { formatCount, formatPercent } from "./format.ts";

/** Files that the runtime writes its profiles to, `PREFIX_*.json`, as soon as a session ends. */
export interface Profile {
  prefix: string;
  /** Where the time went, by operation, in the profiles written since. */
  summary(): string;
}

export function openProfile(prefix: string): Profile {
  const directory = dirname(prefix);
  mkdirSync(directory, { recursive: true });
  const files = () =>
    readdirSync(directory).filter(
      (file) => file.startsWith(`${basename(prefix)}_`) && file.endsWith(".json"),
    );
  const before = new Set(files());
  return {
    prefix,
    summary() {
      const written = files().filter((file) => !before.has(file));
      const paths = written.map((file) => join(directory, file));
      return [...timeByOperation(paths), ...paths.map((path) => `profile   ${path}`)].join("\n");
    },
  };
}

interface Operation {
  name: string;
  calls: number;
  /** Microseconds. */
  time: number;
}

const SHOWN = 10;

function timeByOperation(paths: readonly string[]): string[] {
  const operations = sumUp(paths.flatMap(readKernels)).sort((a, b) => b.time - a.time);
  const total = operations.reduce((sum, { time }) => sum + time, 0);
  const rows = operations.slice(0, SHOWN).map(({ name, calls, time }) => {
    const share = formatPercent(time / total).padStart(6);
    return `${share}  ${seconds(time).padStart(8)}  ${name} × ${formatCount(calls)}`;
  });
  return [`\ntime by operation, ${seconds(total)} in all`, ...rows];
}

const seconds = (microseconds: number) => `${(microseconds / 1e6).toFixed(2)}s`;

function sumUp(kernels: readonly Operation[]): Operation[] {
  const byName = new Map<string, Operation>();
  for (const { name, calls, time } of kernels) {
    const sum = byName.get(name) ?? { name, calls: 0, time: 0 };
    byName.set(name, { name, calls: sum.calls + calls, time: sum.time + time });
  }
  return [...byName.values()];
}

/** Chrome's trace format: an event with its duration for each run of a kernel. */
interface TraceEvent {
  cat: string;
  name: string;
  dur: number;
  args?: { op_name?: string };
}

function readKernels(path: string): Operation[] {
  const events: TraceEvent[] = JSON.parse(readFileSync(path, "utf8"));
  return events
    .filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"))
    .map(({ args, dur }) => ({ name: args?.op_name ?? "?", calls: 1, time: dur }));
}
