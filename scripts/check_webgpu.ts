/**
 * Trains PEFT's and TRL's golden runs on WebGPU: every family, kind of adapter, quantization and objective, with no op left to the
 * CPU.
 * Without a GPU, SwiftShader computes (Debian's packages chromium and libvulkan1).
 *
 *   npm run check-webgpu [-- --steps 20] [--float16] [PART OF A NAME …]
 *   npm run check-webgpu -- matrix [--float16] [PART OF A FAMILY'S NAME …]
 *   npm run check-webgpu -- growth [--steps 500]
 *
 * With matrix it opens every family in every way to train it, without a step. With growth it takes 500 steps, and says
 * whether the device's or the host's memory grows.
 *
 * With --float16 linear layers are computed in float16, and losses are within 1% of PEFT's. SwiftShader only opens that; it runs on a
 * GPU, and on Mesa's lavapipe from version 25 on: VK_ICD_FILENAMES names the driver's lvp_icd.json.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openSession } from "../src/runtime/node.ts";
import { goldenPath } from "../src/testing/goldens.ts";
import { useSwiftShader } from "../src/testing/swift_shader.ts";
import { deviceState } from "../src/training/device_state.ts";
import { withLossScale } from "../src/training/loss_scale.ts";
import { distanceFromGolden, openGoldenRun } from "../src/training/testing/golden_run.ts";
import { distanceFromPreferences } from "../src/training/testing/preference_run.ts";
import type { Trainable } from "../src/training/trainable.ts";
import { growsOnWebGpu } from "./webgpu_growth.ts";
import { openOnWebGpu } from "./webgpu_matrix.ts";

const { values, positionals } = parseArgs({
  options: { steps: { type: "string" }, float16: { type: "boolean", default: false } },
  allowPositionals: true,
});
const missing = process.env.VK_ICD_FILENAMES ? "" : useSwiftShader();
if (missing) throw new Error(`WebGPU can't be used here: ${missing}`);

const cache = mkdtempSync(join(tmpdir(), "attune-webgpu-"));
if (positionals[0] === "growth") {
  const grows = await growsOnWebGpu(Number(values.steps ?? 500), cache);
  rmSync(cache, { recursive: true });
  process.exit(grows ? 1 : 0);
}

if (positionals[0] === "matrix") {
  const missing = await openOnWebGpu(positionals.slice(1), { cache, half: values.float16 });
  rmSync(cache, { recursive: true });
  process.exit(missing > 0 ? 1 : 0);
}

const rooms = ["families", "training", "adapters", "qlora", "target_parameters", "preferences"];
const runs = rooms.flatMap((room) =>
  readdirSync(goldenPath(room))
    .map((name) => `${room}/${name}`)
    .filter((path) => existsSync(goldenPath(`${path}/metrics.json`))),
);
const chosen = runs.filter((run) => !positionals.length || positionals.some((part) => run.includes(part)));
const session = { device: "webgpu", half: values.float16 } as const;
const count = Number(values.steps ?? 20);
let failed = 0;
for (const path of chosen) {
  const start = performance.now();
  try {
    const { loss, gradNorm, bound } = await distance(path);
    const good = values.float16 ? loss <= 0.01 : loss <= bound && gradNorm <= 1e-5;
    if (!good) failed++;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(
      `${good ? "ok  " : "FAR "} ${path}: loss ${loss.toExponential(1)} (at most ${bound.toExponential(1)}), gradient norm ${gradNorm.toExponential(1)}, ${seconds} s`,
    );
  } catch (error) {
    failed++;
    console.log(`FAIL ${path}: ${(error as Error).message.slice(0, 600)}`);
  }
}
rmSync(cache, { recursive: true });
console.log(
  `${chosen.length - failed} of ${chosen.length} runs ${values.float16 ? "are within 1% of" : "equal"} PEFT's and TRL's`,
);
process.exit(failed ? 1 : 0);

/**
 * Preference losses may be four times as far from TRL's in float64 as TRL's own in float32 are: SwiftShader's exp has four times the
 * CPU's error (relative, in the mean 8.2e-8 beside 2.2e-8, of which 5.8e-8 is in one direction).
 */
async function distance(path: string) {
  const make = async (trainables: readonly Trainable[]) => {
    const state = await deviceState(openSession, trainables, session);
    return session.half ? withLossScale(state) : state;
  };
  const [room, name] = path.split("/") as [string, string];
  if (room === "preferences") {
    const found = await distanceFromPreferences(name, make, openSession, session, count);
    return { ...found, bound: Math.max(1e-6, 4 * found.trl.loss) };
  }
  const run = await openGoldenRun(path, cache);
  const state = await make(run.method.trainables);
  return { ...(await distanceFromGolden(run, state, openSession, session, count)), bound: 1e-6 };
}
