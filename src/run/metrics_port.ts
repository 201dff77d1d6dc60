import { appendMetrics } from "../files/metrics_file.ts";
import type { RunLock } from "./run_lock.ts";

type Line = { step: number } & Record<string, number>;

export interface MetricsPort {
  /** Takes a line. It is in the file when a step has taken longer than `EVERY`, or once that has passed. */
  add(line: Line): Promise<void>;
  /** Writes what is still held back. */
  flush(): Promise<void>;
}

/** Milliseconds between writes: opening and locking the file takes as long as a small model's step. */
const EVERY = 250;

/** Steps faster than `EVERY` are written together; whoever ends the run, or keeps a checkpoint, flushes. */
export function metricsPort(path: string, lock: Pick<RunLock, "write">): MetricsPort {
  let held: Line[] = [];
  let written = Number.NEGATIVE_INFINITY;
  const flush = async () => {
    if (held.length === 0) return;
    const lines = held;
    held = [];
    await lock.write(() => appendMetrics(path, ...lines));
    written = performance.now();
  };
  return {
    async add(line) {
      held.push(line);
      const isStep = "loss" in line;
      if (!isStep || performance.now() - written >= EVERY) await flush();
    },
    flush,
  };
}
