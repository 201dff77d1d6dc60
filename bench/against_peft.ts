/**
 * attune next to PyTorch + PEFT: the same model directory, data and machine, runs interleaved, medians.
 *
 *   npx tsx bench/against_peft.ts --model DIR --data FILE --python PYTHON [--rounds 3] [--steps 10]
 *
 * DIR comes from `PYTHON bench/peft_reference.py --make-model qwen2.5-0.5b DIR`.
 */
import { execFileSync } from "node:child_process";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    data: { type: "string" },
    python: { type: "string", default: "python3" },
    rounds: { type: "string", default: "3" },
    steps: { type: "string", default: "10" },
  },
});
if (!values.model || !values.data) throw new Error("give --model DIR and --data FILE");

const common = ["--model", values.model, "--data", values.data, "--steps", values.steps];
const contenders: Record<string, () => Measurement> = {
  "attune, float32 over bfloat16 files": () => attune(),
  "PyTorch + PEFT, float32": () => peft("float32"),
  "PyTorch + PEFT, bfloat16": () => peft("bfloat16"),
};

interface Measurement {
  tokensPerSecond: number;
  firstStepSeconds: number;
  peakGigabytes: number;
}

function attune(): Measurement {
  return JSON.parse(execFileSync("npx", ["tsx", "bench/attune_lora.ts", ...common], { encoding: "utf8" }));
}

function peft(dtype: string): Measurement {
  const args = ["bench/peft_reference.py", ...common, "--dtype", dtype];
  const result = JSON.parse(
    execFileSync(values.python, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
  );
  return {
    tokensPerSecond: result.tokensPerSecond,
    firstStepSeconds: result.secondsToFirstStep,
    peakGigabytes: result.peakRssBytes / 1e9,
  };
}

const measured = new Map(Object.keys(contenders).map((name) => [name, [] as Measurement[]]));
for (let round = 0; round < +values.rounds; round++)
  for (const [name, run] of Object.entries(contenders)) {
    const measurement = run();
    measured.get(name)!.push(measurement);
    console.error(name, measurement, `load ${loadavg()[0]!.toFixed(1)}`);
  }

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
console.log("| | tokens/s | first step, s | peak memory, GB |\n| --- | --- | --- | --- |");
for (const [name, runs] of measured) {
  const column = (key: keyof Measurement, digits: number) =>
    median(runs.map((run) => run[key])).toFixed(digits);
  console.log(
    `| ${name} | ${column("tokensPerSecond", 0)} | ${column("firstStepSeconds", 1)} | ${column("peakGigabytes", 2)} |`,
  );
}
