import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { runError } from "../runtime/failures.ts";
import { openSession } from "../runtime/node.ts";
import { type Device, keepsTensors, type OpenSession } from "../runtime/session.ts";
import { useSwiftShader } from "../testing/swift_shader.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();
const missing = useSwiftShader();

/** A device that is lost in a pass: from then on nothing can be computed or read. */
function lostInPass(count: number): OpenSession {
  let [passes, isLost] = [0, false];
  const orLost = async <T>(work: () => Promise<T>, counts = false): Promise<T> => {
    if (counts && ++passes === count) isLost = true;
    if (isLost) throw runError("WebGPU device lost (1): it was unplugged");
    return work();
  };
  return async (model, options) => {
    const session = await openSession(model, options);
    const trains = model.outputs.has("nll");
    return {
      ...session,
      run: (feeds, into) => orLost(() => session.run(feeds, into), trains),
      place: (tensor) =>
        keepsTensors(options.device) ? orLost(() => session.place(tensor)) : session.place(tensor),
      read: (tensor) => orLost(() => session.read(tensor)),
    };
  };
}

const recipeOf = (name: string, saveEvery: number) =>
  smallRecipe(at(name), { training: { maxSteps: 4, batchSize: 1, maxLength: 64, saveEvery } });
const lost = (name: string, device: Device, saveEvery: number) =>
  messageOf(runToEnd(recipeOf(name, saveEvery), { device, openSession: lostInPass(4) }));

describe("a device that is lost in the middle of a run", () => {
  test("on the host all steps before are kept, and the same command ends as an unbroken run, to the bit", async () => {
    expect(await lost("host", "cpu", 100)).toMatch(
      /step 4: the device was lost: .*unplugged.*The run is kept as of step 3, and goes on from there when it is started again/,
    );
    await runToEnd(recipeOf("host", 100));
    await runToEnd(recipeOf("unbroken", 100));
    expect(readMetrics(at("host"))).toEqual(readMetrics(at("unbroken")));
    expect(contents(at("host", "adapter"))).toEqual(contents(at("unbroken", "adapter")));
  });

  test.skipIf(missing)(
    `on WebGPU${missing && ` (skipped: ${missing})`} the last checkpoint is kept, and the run goes on from there`,
    { timeout: 180_000 },
    async () => {
      expect(await lost("gpu", "webgpu", 2)).toMatch(/step 4: the device was lost: .*kept as of step 2/);
      await runToEnd(recipeOf("gpu", 2), { device: "webgpu" });
      await runToEnd(recipeOf("cpu", 2));
      const [own, host] = [readMetrics(at("gpu")), readMetrics(at("cpu"))];
      expect(own.map(({ step }) => step)).toEqual(host.map(({ step }) => step));
      for (const [i, { loss }] of own.entries())
        expect(Math.abs(loss! / host[i]!.loss! - 1)).toBeLessThan(1e-5);
    },
  );
});
