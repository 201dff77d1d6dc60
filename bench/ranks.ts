/**
 * What a second process brings: LoRA on a model directory with one rank of one thread, and with two, in turns.
 *
 *   npx tsx bench/ranks.ts --model DIR --data FILE [--rounds 3] [--steps 4] [--mpirun mpirun]
 *
 * Prints tokens/s of each round, medians and their ratio.
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    data: { type: "string" },
    rounds: { type: "string", default: "3" },
    steps: { type: "string", default: "4" },
    mpirun: { type: "string", default: "mpirun" },
  },
});
if (!values.model || !values.data) throw new Error("give --model DIR and --data FILE");

const program = [
  "bench/attune_lora.ts",
  "--model",
  values.model,
  "--data",
  values.data,
  "--steps",
  values.steps,
  "--threads",
  "1",
];

function tokensPerSecond(ranks: number): number {
  const words = ["-n", String(ranks), process.execPath, "--import", "tsx", ...program];
  return JSON.parse(execFileSync(values.mpirun, words, { encoding: "utf8" })).tokensPerSecond;
}

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
const speeds: Record<number, number[]> = { 1: [], 2: [] };
for (let round = 0; round < +values.rounds; round++)
  for (const ranks of [1, 2]) {
    speeds[ranks]!.push(tokensPerSecond(ranks));
    console.log(`round ${round + 1}, ${ranks} ranks: ${speeds[ranks]!.at(-1)!.toFixed(1)} tokens/s`);
  }
const [one, two] = [median(speeds[1]!), median(speeds[2]!)];
console.log(`medians: ${one.toFixed(1)} and ${two.toFixed(1)} tokens/s, ${(two / one).toFixed(2)} times`);
