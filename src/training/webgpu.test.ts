import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { openSession } from "../runtime/node.ts";
import { useSwiftShader } from "../testing/swift_shader.ts";
import { deviceState } from "./device_state.ts";
import { distanceFromGolden, openGoldenRun } from "./testing/golden_run.ts";
import { hostState } from "./trained_state.ts";

const at = temporaryDirectory();
const missing = useSwiftShader();
const session = { device: "webgpu" } as const;

/** All others are in `npm run check-webgpu`. */
const RUN = "qlora/llama-nf4-double";

test.skipIf(missing)(
  `on WebGPU${missing && ` (skipped: ${missing})`}, with no op on the CPU, steps equal PEFT's, and what is read back the CPU's`,
  { timeout: 120_000 },
  async () => {
    const [own, other] = [await openGoldenRun(RUN, at("cache")), await openGoldenRun(RUN, at("cache"))];
    const onDevice = await deviceState(openSession, own.method.trainables, session);
    const onHost = hostState(other.method.trainables);
    const kept = { ...onDevice, release: async () => {} };
    const { loss, gradNorm } = await distanceFromGolden(own, kept, openSession, session, 3);
    expect(loss).toBeLessThan(1e-6);
    expect(gradNorm).toBeLessThan(1e-5);
    await distanceFromGolden(other, onHost, openSession, { device: "cpu", threads: 1 }, 3);
    await onDevice.read();
    await onDevice.release();
    for (const [i, { name, data }] of own.method.trainables.entries()) {
      expect(largest(data, other.method.trainables[i]!.data), name).toBeLessThan(1e-5); // measured: 1.2e-6
      for (const part of ["m", "v"] as const)
        expect(largest(onDevice.moments[i]![part], onHost.moments[i]![part]), name).toBeLessThan(1e-5);
    }
  },
);

/** The largest distance, against the largest number. */
const largest = (found: Float32Array, wanted: Float32Array): number => {
  const size = Math.max(...wanted.map(Math.abs));
  return Math.max(...found.map((value, i) => Math.abs(value - wanted[i]!))) / (size || 1);
};
