/** Loaded into the server: writes its event loop's delay and its memory, a line each ten seconds, until it ends. */
// No TypeScript: the server's threads load it, too, and have no loader for it.
import { appendFileSync, readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

const directory = process.env.ATTUNE_SOAK_PROBE;
if (directory !== undefined && isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const write = () => {
    const { rss, heapUsed } = process.memoryUsage();
    /** @type {import("./samples.ts").Sample} */
    const sample = {
      seconds: Math.round(process.uptime()),
      rss,
      heapUsed,
      files: readdirSync("/proc/self/fd").length,
      delay99: delay.percentile(99) / 1e6,
      delayMost: delay.max / 1e6,
    };
    delay.reset();
    appendFileSync(`${directory}/${process.pid}.jsonl`, `${JSON.stringify(sample)}\n`);
  };
  setInterval(write, 10_000).unref();
}
