/**
 * attune on this machine's GPU beside PyTorch and PEFT: tokens/s, peak device memory, time to the first step's end, where
 * the time goes, and how near that is to the GPU's own products. Writes the section "On a GPU" of bench/RESULTS.md; where
 * there is no GPU, it says so there.
 *
 *   npx tsx bench/gpu.ts [--only 0.5B,1.5B,7B] [--rounds 3] [--python PYTHON] [--data DIR] [--folder DIR] [--software]
 *
 * PYTHON has torch for CUDA, transformers, peft, trl and bitsandbytes; without it attune is measured alone, with models that
 * the folder has. --software takes a tiny shape and SwiftShader, and prints the section: it shows that all parts work.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { useSwiftShader } from "../src/testing/swift_shader.ts";
import { findGpu, type Gpu, watchMemory } from "./gpu/find_gpu.ts";
import { kernelsOf } from "./gpu/kernels.ts";
import { productPeak } from "./gpu/peak.ts";
import { type GpuOutcome, gpuSection, NO_GPU } from "./gpu/section.ts";
import { contendersOf, type Method, SHAPES } from "./gpu/workloads.ts";
import { modelsIn, TINY } from "./suite/models.ts";
import { putSection } from "./suite/results.ts";
import { rowsIn } from "./suite/rows.ts";
import { measure } from "./suite/run_job.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string" },
    python: { type: "string", default: "python3" },
    data: { type: "string", default: "../shared/data" },
    folder: { type: "string", default: join(tmpdir(), "attune-bench") },
    software: { type: "boolean", default: false },
  },
});
const { software, folder, data, python } = values;
const rounds = Number(values.rounds ?? (software ? 1 : 3));
const gpu = software ? softwareGpu() : findGpu();

if (!gpu) {
  putSection("bench/RESULTS.md", NO_GPU);
  console.error(NO_GPU);
  process.exit();
}
mkdirSync(folder, { recursive: true });
const peak = await productPeak(software ? 128 : 4_096).catch((error: Error) => {
  console.error(error.message);
  return undefined;
});
const outcomes: GpuOutcome[] = [];
for (const [shapeName, shape] of software ? ([["tiny", TINY]] as const) : Object.entries(SHAPES))
  if (!values.only || values.only.split(",").includes(shapeName))
    for (const method of ["LoRA", "QLoRA"] as const)
      outcomes.push(...(await takeTurns(shapeName, shape, method)));
const section = gpuSection({ gpu, peak, rounds, outcomes });
if (software) console.log(section);
else putSection("bench/RESULTS.md", section);

/** A round has every contender once; a last one of attune's own is measured kernel by kernel. */
async function takeTurns(shapeName: string, shape: typeof TINY, method: Method): Promise<GpuOutcome[]> {
  const parts = {
    models: modelsIn(join(folder, "models"), python, join(data, "alpaca_en_demo.json")),
    rows: rowsIn(folder, data),
    ...{ python, shape, method, isSmall: software },
  };
  const all = contendersOf(parts).map(
    (contender): GpuOutcome => ({ ...contender, shapeName, shape, method, rounds: [], kernels: [] }),
  );
  for (let round = 1; round <= rounds; round++) for (const outcome of all) await addRound(outcome, gpu!);
  for (const outcome of all) if (outcome.profiled && !outcome.error) outcome.kernels = await profile(outcome);
  return all;
}

async function addRound(outcome: GpuOutcome, { used }: Gpu): Promise<void> {
  if (outcome.error) return;
  const watch = watchMemory(used);
  try {
    const measured = await measure(outcome.command);
    outcome.rounds.push({ ...measured, deviceBytes: watch.stop() });
  } catch (error) {
    watch.stop();
    const lines = (error as Error).message.split("\n").filter((line) => /error/i.test(line));
    outcome.error = (lines.at(-1) ?? (error as Error).message).trim();
  }
  console.error(`  ${outcome.shapeName}, ${outcome.method}, ${outcome.name}: ${outcome.error ?? "measured"}`);
}

async function profile({ profiled }: GpuOutcome) {
  const place = mkdtempSync(join(folder, "profile-"));
  try {
    await measure(profiled!(join(place, "trace")));
    const traces = readdirSync(place).map((name) => readFileSync(join(place, name), "utf8"));
    return kernelsOf(traces);
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** The driver's memory is this machine's own: it isn't measured. */
function softwareGpu(): Gpu {
  const missing = useSwiftShader();
  if (missing) throw new Error(missing);
  return { name: "SwiftShader, a software driver", memoryBytes: 0, used: () => 0 };
}
