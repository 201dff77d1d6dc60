import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { openSession } from "../runtime/node.ts";
import { useSwiftShader } from "../testing/swift_shader.ts";
import { requireComputeDevice } from "./compute_device.ts";
import { withLossScale } from "./loss_scale.ts";
import { distanceFromGolden, openGoldenRun } from "./testing/golden_run.ts";
import { hostState } from "./trained_state.ts";

const at = temporaryDirectory();
const missing = useSwiftShader();

/**
 * Measured, of loss: 1.9e-4, 2.0e-4, 8.9e-5, 7.4e-5 and 2.0e-3 (its router chooses other experts). Of the last run the CPU's runtime
 * drops all casts, there and back, that it puts around products itself: 2e-7.
 */
const RUNS = [
  "training/llama-gqa-lora-all",
  "training/qwen2-tied-full",
  "adapters/gpt2-dora",
  "families/gemma2",
  "qlora/mixtral-int8",
  "adapters/bf16-ia3",
];

test.each(RUNS)("%s in float16: 20 steps are near PEFT's", async (path) => {
  const run = await openGoldenRun(path, at("cache"));
  const state = withLossScale(hostState(run.method.trainables));
  const session = { device: "cpu", threads: 1, half: true } as const;
  const { loss } = await distanceFromGolden(run, state, openSession, session);
  expect(loss).toBeLessThan(0.01);
  if (path !== RUNS.at(-1)) expect(loss).toBeGreaterThan(1e-5); // it was computed in float16
  expect(state.lossScale!.now()).toEqual({ value: 2 ** 16, goodSteps: 20, skippedSteps: 0 });
});

test("float16 is refused by name where it isn't computed", async () => {
  await expect(requireComputeDevice({ compute: "float16" }, "cpu", openSession)).rejects.toMatchObject({
    code: "training.compute-device",
    message: expect.stringContaining(
      "compute: float16 runs on webgpu, and the device is cpu. Leave compute out, or use device: webgpu",
    ),
  });
  await expect(requireComputeDevice({ compute: "int8" }, "webgpu", openSession)).rejects.toThrow(
    "int8 runs on cpu, and the device is webgpu. Leave compute out, or use device: cpu",
  );
  await requireComputeDevice({ compute: "float32" }, "webgpu", openSession);
});

test.skipIf(missing)(
  `a device without shader-f16${missing && ` (skipped: ${missing})`} is refused before anything is opened`,
  { timeout: 60_000 },
  async () => {
    await expect(requireComputeDevice({ compute: "float16" }, "webgpu", openSession)).rejects.toMatchObject({
      code: "runtime.no-float16",
      message: expect.stringContaining("Leave compute out: float32 runs on every device"),
    });
  },
);
