import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { basename, dirname, join } from "node:path";
import { writeFileAtomic } from "../../files/atomic.ts";
import { profilePage } from "../../report/profile_page.ts";
import type { HostTimes, KernelTime } from "../../report/profile_record.ts";
import { openSession } from "../../runtime/node.ts";
import type { OpenSession } from "../../runtime/session.ts";
import { groupBy } from "../../text/group_by.ts";
import type { StepTimes } from "../../training/loop.ts";
import { formatCount, formatPercent } from "../format.ts";
import { measurePeaks } from "./peaks.ts";
import { type NodePlace, placesOf } from "./places.ts";
import { readTrace } from "./trace.ts";

/** A run that is measured op by op. */
export interface Profile {
  /** What the run is to be started with. */
  options: { profilePrefix: string; openSession: OpenSession; onStepTimes: (times: StepTimes) => void };
  /** Where the time went by operation, once the run has ended; and the page, written to `page`. */
  finish(page: string, title: string): Promise<string>;
}

/** The runtime writes its traces to `PREFIX_N_*.json`, one for each graph, as soon as a session ends. */
export function openProfile(prefix: string, threads: number = cpus().length): Profile {
  const directory = dirname(prefix);
  mkdirSync(directory, { recursive: true });
  const graphs: ReadonlyMap<string, NodePlace>[] = [];
  const host: HostTimes = { data: 0, passes: 0, optimizer: 0, reporting: 0 };
  let steps = 0;
  const traceOf = (graph: number) => readdirSync(directory).filter(isTraceOf(prefix, graph));
  return {
    options: {
      profilePrefix: prefix,
      openSession: (model, options) => {
        for (const old of traceOf(graphs.length)) rmSync(join(directory, old));
        const own = `${prefix}_${graphs.length}`;
        graphs.push(placesOf(model.bytes));
        return openSession(model, { ...options, profilePrefix: own });
      },
      onStepTimes(times) {
        steps++;
        for (const key of Object.keys(host) as (keyof HostTimes)[]) host[key] += times[key];
      },
    },
    async finish(page, title) {
      const traces = graphs.flatMap((places, graph) => traceOf(graph).map((file) => ({ places, file })));
      const paths = traces.map(({ file }) => join(directory, file));
      const kernels = traces.flatMap(({ places }, i) => readTrace(paths[i]!, places));
      const peaks = await measurePeaks(threads);
      await writeFileAtomic(page, profilePage({ title, steps, host, kernels, peaks }));
      return [
        ...timeByOperation(kernels),
        ...paths.map((path) => `profile   ${path}`),
        `page      ${page}`,
      ].join("\n");
    },
  };
}

/** The runtime puts the time behind the prefix. */
function isTraceOf(prefix: string, graph: number): (file: string) => boolean {
  const start = `${basename(prefix)}_${graph}_`;
  return (file) => file.startsWith(start) && file.endsWith(".json");
}

const SHOWN = 10;

function timeByOperation(kernels: readonly KernelTime[]): string[] {
  const operations = [...groupBy(kernels, ({ op }) => op)]
    .map(([op, some]) => ({
      op,
      calls: some.reduce((n, { calls }) => n + calls, 0),
      time: some.reduce((n, { seconds }) => n + seconds, 0),
    }))
    .sort((a, b) => b.time - a.time);
  const total = operations.reduce((sum, { time }) => sum + time, 0);
  const rows = operations.slice(0, SHOWN).map(({ op, calls, time }) => {
    const share = formatPercent(time / total).padStart(6);
    return `${share}  ${seconds(time).padStart(8)}  ${op} × ${formatCount(calls)}`;
  });
  return [`\ntime by operation, ${seconds(total)} in all`, ...rows];
}

const seconds = (time: number) => `${time.toFixed(2)}s`;
