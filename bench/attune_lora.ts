/**
 * attune's side of the comparison: LoRA r=8 on all linear layers of a model directory, over an Alpaca file.
 *
 *   npx tsx bench/attune_lora.ts --model DIR --data FILE [--steps 10] [--batch 4] [--length 512] [--threads N] [--compute int8]
 *                            [--each]
 *
 * Prints JSON: tokens/s and tokens per second of processor time (medians over the steps after the first), seconds to the end of the first step, peak memory.
 * With --each the figures of each step after the first, too.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type MpiWorld, openWorld } from "../src/mpi/world.ts";
import { train } from "../src/run/train.ts";
import type { StepTimes } from "../src/training/loop.ts";
import type { RecipeInput } from "../src/training/recipe.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    data: { type: "string" },
    steps: { type: "string", default: "10" },
    batch: { type: "string", default: "4" },
    length: { type: "string", default: "512" },
    threads: { type: "string" },
    compute: { type: "string" },
    each: { type: "boolean", default: false },
  },
});
if (!values.model || !values.data) throw new Error("give --model DIR and --data FILE");

const world = openWorld(); // under mpirun, one of several processes: the first one prints
const output = mkdtempSync(join(tmpdir(), "attune-bench-"));
const speeds: number[] = [];
/**
 * Of each step after the first: its tokens, its seconds, those of the processor that this process computed, those of its
 * passes and its update, and those in which it waited for the others' numbers: of each rank.
 */
const steps: (StepTimes & { tokens: number; seconds: number; cpu: number; waiting: number[] })[] = [];
let times: StepTimes | undefined;
let waiting = 0;
/** Microseconds of this process's time in which it waited: MPI keeps the core. */
let waitingCpu = 0;
/** The same by the processor's time, which others' work on the machine changes less. */
const cpuSpeeds: number[] = [];
let cpu = process.cpuUsage();
let firstStepSeconds = 0;
try {
  const recipe: RecipeInput = {
    model: values.model,
    adapter: { type: "lora", r: 8, alpha: 16, targetModules: "all-linear" },
    data: [{ path: values.data }],
    template: "alpaca",
    compute: values.compute as RecipeInput["compute"],
    training: { maxSteps: +values.steps, batchSize: +values.batch, maxLength: +values.length },
    output,
  };
  const threads = values.threads === undefined ? undefined : +values.threads;
  const onStepTimes = (of: StepTimes) => {
    times = of;
  };
  for await (const event of train(recipe, { threads, ranks: world && timed(world), onStepTimes })) {
    if (event.type !== "step") continue;
    if (event.step === 1) firstStepSeconds = process.uptime();
    else {
      const { tokens, seconds } = event;
      speeds.push(event.tokensPerSecond);
      const { user, system } = process.cpuUsage(cpu);
      const own = { tokens, seconds, cpu: (user + system - waitingCpu) / 1e6, waiting: [waiting] };
      steps.push({ ...times!, ...own });
      cpuSpeeds.push(tokens / ((user + system) / 1e6));
    }
    cpu = process.cpuUsage();
    [waiting, waitingCpu] = [0, 0];
  }
} finally {
  rmSync(output, { recursive: true, force: true });
}

if (world) await gatherWaiting(world);
world?.finalize();
if (world && world.rank > 0) process.exit();
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const result = {
  tokensPerSecond: median(speeds),
  tokensPerCpuSecond: median(cpuSpeeds),
  firstStepSeconds,
  peakGigabytes: peakGigabytes(),
  ...(values.each && { steps }),
};
console.log(JSON.stringify(result, null, 2));

/** The same ranks; the time in which they add up is counted. */
function timed(ranks: MpiWorld): MpiWorld {
  return {
    ...ranks,
    async sum(arrays, as) {
      const [started, before] = [performance.now(), process.cpuUsage()];
      await ranks.sum(arrays, as);
      const { user, system } = process.cpuUsage(before);
      waiting += (performance.now() - started) / 1000;
      waitingCpu += user + system;
    },
  };
}

/** What each rank waited, at all of them. */
async function gatherWaiting({ rank, size, sum }: MpiWorld): Promise<void> {
  for (const step of steps) {
    const all = new Float64Array(size);
    all[rank] = step.waiting[0]!;
    await sum([all]);
    step.waiting = [...all];
  }
}

/** Most memory the process ever held, mapped weights included. */
function peakGigabytes(): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1e6;
}
