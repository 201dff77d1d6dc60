import { join } from "node:path";
import { flushMetrics } from "../files/metrics_file.ts";
import type { Base } from "../pretrained/base.ts";
import { spoiledWeight } from "../pretrained/finite_weights.ts";
import type { LoopPorts } from "../training/loop.ts";
import type { Optimizer } from "../training/optimizer.ts";
import type { RunMethod } from "./choose_method.ts";
import { metricsPort } from "./metrics_port.ts";
import type { RunOrigin } from "./origin.ts";
import type { RunDirectory } from "./run_directory.ts";
import type { RunLock } from "./run_lock.ts";
import { saveCheckpoint } from "./saving.ts";

export interface PortsOptions {
  base: Base;
  directory: RunDirectory;
  lock: RunLock;
  run: RunMethod;
  optimizer: Pick<Optimizer, "moments">;
  origin: RunOrigin;
}

export const bestPath = ({ path }: RunDirectory): string => join(path, "best");

/** What the loop asks for, and what whoever ends the run does. */
type DirectoryPorts = Required<Omit<LoopPorts, "evaluation" | "isStopped" | "times">> & {
  /** Writes what metrics are still held back. */
  flush(): Promise<void>;
};

/** The loop's results go into a run directory, as long as this run holds its lock. */
export function directoryPorts({
  base,
  directory,
  lock,
  run,
  optimizer,
  origin,
}: PortsOptions): DirectoryPorts {
  const { trainables } = run.method;
  const metrics = metricsPort(directory.metrics, lock);
  return {
    metrics: metrics.add,
    flush: metrics.flush,
    async checkpoint({ step, ...progress }) {
      await metrics.flush();
      return lock.write(async () => {
        await flushMetrics(directory.metrics);
        const state = { origin, ...progress };
        return saveCheckpoint(directory.path, step, trainables, optimizer.moments, state);
      });
    },
    best: async () => {
      await lock.write(() => run.save(bestPath(directory)));
    },
    spoiledWeight: () => spoiledWeight(base.directory.tensors.values()),
  };
}
