/**
 * What a second process brings: LoRA on a model directory with one rank of one thread, with two, and two runs of one thread
 * that know nothing of each other, in turns. The last is the machine's ceiling: what two processes take from each other,
 * memory above all, no program can give back.
 *
 *   npx tsx bench/ranks.ts --model DIR --data FILE [--rounds 3] [--steps 4] [--batch 8] [--length 512]
 *                      [--mpirun mpirun]
 *
 * Prints, of each round and as medians, tokens/s and how much of a step ranks add up, wait for a slower one, and do other things
 * than passes: the optimizer above all.
 */
import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    data: { type: "string" },
    rounds: { type: "string", default: "3" },
    steps: { type: "string", default: "4" },
    batch: { type: "string", default: "8" },
    length: { type: "string", default: "512" },
    mpirun: { type: "string", default: "mpirun" },
  },
});
if (!values.model || !values.data) throw new Error("give --model DIR and --data FILE");

interface Step {
  tokens: number;
  seconds: number;
  /** Seconds that the first process computed. */
  cpu: number;
  /** Of its seconds, those of passes and their sums. */
  passes: number;
  /** Seconds in which each rank waited for the others' numbers: the slowest one's are what sums take. */
  waiting: number[];
}
/** Tokens/s of each step after the first. */
interface Figures {
  byClock: number[];
  /** By what the first process computed: others' work on the machine, and waiting, aren't in it. */
  byProcessor: number[];
  /** Shares of the step: the sums, waiting for slower ranks, and all but passes. */
  sums: number[];
  uneven: number[];
  rest: number[];
}

const own = ["--import", "tsx", "bench/attune_lora.ts", "--each", "--threads", "1"];
const program = [
  "--model",
  values.model,
  "--data",
  values.data,
  "--steps",
  values.steps,
  "--batch",
  values.batch,
  "--length",
  values.length,
];

const alone = () => figuresOf(process.execPath, [...own, ...program]);
const together = (ranks: number) =>
  figuresOf(values.mpirun, ["-n", String(ranks), process.execPath, ...own, ...program]);

const added = (some: number[], others: number[]) => some.map((speed, i) => speed + others[i]!);
const WAYS: Record<string, () => Promise<Figures>> = {
  "one rank": () => together(1),
  "two ranks": () => together(2),
  "two runs": async () => {
    const [one, other] = await Promise.all([alone(), alone()]);
    return {
      ...one,
      byClock: added(one.byClock, other.byClock),
      byProcessor: added(one.byProcessor, other.byProcessor),
    };
  },
};

async function figuresOf(command: string, words: string[]): Promise<Figures> {
  const { stdout } = await promisify(execFile)(command, words, { encoding: "utf8" });
  const steps: Step[] = JSON.parse(stdout).steps;
  return {
    byClock: steps.map(({ tokens, seconds }) => tokens / seconds),
    byProcessor: steps.map(({ tokens, cpu }) => tokens / cpu),
    sums: steps.map(({ waiting, seconds }) => Math.min(...waiting) / seconds),
    uneven: steps.map(({ waiting, seconds }) => (Math.max(...waiting) - Math.min(...waiting)) / seconds),
    rest: steps.map(({ passes, seconds }) => 1 - passes / seconds),
  };
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
/** Steps differ in length: each is compared with the same one. */
const timesAsFast = (speeds: number[], first: number[]) => speeds.map((speed, i) => speed / first[i]!);

type Times = Pick<Figures, "byClock" | "byProcessor">;
const noTimes = (): Times => ({ byClock: [], byProcessor: [] });
const times = new Map(Object.keys(WAYS).map((name) => [name, noTimes()]));
for (let round = 1; round <= +values.rounds; round++) {
  let first: Figures | undefined;
  for (const [name, run] of Object.entries(WAYS)) {
    const figures = await run();
    first ??= figures;
    for (const by of ["byClock", "byProcessor"] as const)
      times.get(name)![by].push(...timesAsFast(figures[by], first[by]));
    const percent = (of: "sums" | "uneven" | "rest") => `${(100 * median(figures[of])).toFixed(1)}%`;
    console.log(
      `round ${round}, ${name}: ${median(figures.byClock).toFixed(1)} tokens/s; sums ${percent("sums")}, ` +
        `waiting for the slowest ${percent("uneven")}, besides passes ${percent("rest")}`,
    );
  }
}
for (const [name, { byClock, byProcessor }] of times)
  console.log(
    `${name}: ${median(byClock).toFixed(2)} times as fast as one rank, ${median(byProcessor).toFixed(2)} by processor time`,
  );
