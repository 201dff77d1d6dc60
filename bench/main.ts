/**
 * attune beside PyTorch, transformers, PEFT and TRL on this machine: makes what it needs, measures in turns, and writes
 * bench/RESULTS.md.
 *
 *   npm run bench -- [--only a,c,f] [--rounds 5] [--python PYTHON] [--data DIR] [--folder DIR] [--quick] [--contenders TEXT]
 *
 * Without --python the reference environment is made in the folder, which keeps models and rows, too. --data has
 * alpaca_en_demo.json and dpo_en_demo.json, LLaMA-Factory's demo data. --quick takes tiny shapes and one round and prints
 * the tables: it shows that the suite works. --contenders measures only those whose name has the text.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { referencePython } from "./suite/environment.ts";
import { modelsIn, TINY } from "./suite/models.ts";
import { median, type Outcome, writeResults } from "./suite/results.ts";
import { rowsIn } from "./suite/rows.ts";
import { measure } from "./suite/run_job.ts";
import { isStillOpen } from "./suite/still_open.ts";
import type { Bench, Contender, Workload } from "./suite/workload.ts";
import { workloads } from "./suite/workloads.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string" },
    python: { type: "string" },
    data: { type: "string", default: "../shared/data" },
    folder: { type: "string", default: join(tmpdir(), "attune-bench") },
    quick: { type: "boolean", default: false },
    contenders: { type: "string", default: "" },
  },
});
const { quick, folder, data } = values;
const rounds = Number(values.rounds ?? (quick ? 1 : 5));
const results = quick ? join(folder, "RESULTS.md") : "bench/RESULTS.md";

mkdirSync(folder, { recursive: true });
execFileSync("npm", ["run", "build"], { stdio: ["ignore", "ignore", "pipe"] });
const python = referencePython(values.python, join(folder, "python"));
const bench: Bench = {
  models: modelsIn(join(folder, "models"), python, join(data, "alpaca_en_demo.json")),
  rows: rowsIn(folder, data),
  ...{ python, folder, quick },
  shape: (shape) => (quick ? TINY : shape),
};
const wanted = values.only?.split(",");
for (const workload of workloads(bench))
  if (!wanted || wanted.includes(workload.id)) {
    console.error(`(${workload.id}) ${workload.title}`);
    writeResults(results, workload, await takeTurns(workload));
  }
console.error(`written to ${results}`);

/** A round has every contender that is still open once, so that what else the machine does meets all alike. */
async function takeTurns(workload: Workload): Promise<Outcome[]> {
  const contenders = workload.contenders().filter(({ name }) => name.includes(values.contenders));
  const outcomes = contenders.map((contender): Outcome => ({ contender, rounds: [] }));
  for (let round = 1; round <= rounds; round++)
    for (const outcome of outcomes.filter((one) => isStillOpen(one, outcomes, workload)))
      await addRound(outcome, workload, round);
  return outcomes;
}

async function addRound(outcome: Outcome, workload: Workload, round: number): Promise<void> {
  const { name, command, before }: Contender = outcome.contender;
  try {
    before?.();
    outcome.rounds.push(await measure(command));
    const [rate, peak] = [workload.rate(outcome.rounds.at(-1)!), outcome.rounds.at(-1)!.peakBytes / 1e9];
    const middle = median(outcome.rounds.map(workload.rate)).toPrecision(4);
    console.error(
      `  round ${round}, ${name}: ${rate.toPrecision(4)} ${workload.unit} (median ${middle}), ${peak.toFixed(2)} GB`,
    );
  } catch (error) {
    outcome.error = (error as Error).message.split("\n").slice(-3).join(" ").trim();
    console.error(`  ${name}: ${(error as Error).message}`);
  }
}
