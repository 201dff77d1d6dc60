import { expect, test } from "vitest";
import { chromiumMissing, runInChromium } from "../testing/chromium.ts";

const SESSION = `
  import { add, cast, scale } from "./src/graph/ops/elementwise.ts";
  import { lower } from "./src/graph/onnx/lower.ts";
  import { input, weight } from "./src/graph/sources.ts";
  import { isHost } from "./src/runtime/session.ts";
  import { floats } from "./src/runtime/tensor_data.ts";
  import { openSessionOver } from "./src/runtime/web.ts";

  const bytes = new Uint8Array(Float32Array.of(1, -2, 0.5).buffer);
  const file = new Blob([Uint8Array.of(7, 7, 7, 7), bytes]);

  async function run() {
    const x = input("x", [3]);
    const w = weight("w", { dtype: "float32", shape: [3] }, { file: "w.safetensors", offset: 4, byteLength: 12 });
    const model = lower({ y: add(x, w), twice: scale(x, 2) });
    const open = openSessionOver(new Map([["w.safetensors", file]]));
    const session = await open(model, { device: DEVICE, threads: 1, kept: ["y"] });
    const other = await open(model, { device: DEVICE, threads: 1 });
    const placed = await session.place(floats(Float32Array.of(10, 20, 30)));
    const { y, twice } = await session.run({ x: placed });
    const { twice: again } = await other.run({ x: y });
    const data = async (tensor) => Array.from((await session.read(tensor)).data);
    const values = [await data(placed), await data(y), await data(twice), await data(again)];
    await session.free(y);
    const freed = await session.read(y).then(() => "read", (error) => error.code);
    await session.release();
    const left = await other.run({ x: placed }).then(() => "run", (error) => error.code);
    await other.release();
    return { values, isKept: !isHost(y), freed, left };
  }`;

const values = [
  [10, 20, 30],
  [11, 18, 30.5],
  [20, 40, 60],
  [22, 36, 61],
];

test.skipIf(chromiumMissing).each([
  ["wasm", { values, isKept: false, freed: "read", left: "run" }],
  ["webgpu", { values, isKept: true, freed: "runtime.failed", left: "runtime.failed" }],
])("in Chromium, %s: weights from a Blob, device tensors", { timeout: 120_000 }, async (device, expected) => {
  const module = SESSION.replaceAll("DEVICE", JSON.stringify(device));
  expect(await runInChromium(module, 100_000)).toEqual(expected);
});
