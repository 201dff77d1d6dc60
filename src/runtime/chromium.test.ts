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

const FAULTS = `
  import { add } from "./src/graph/ops/elementwise.ts";
  import { zerosLike } from "./src/graph/ops/zeros.ts";
  import { lower } from "./src/graph/onnx/lower.ts";
  import { input } from "./src/graph/sources.ts";
  import { floats } from "./src/runtime/tensor_data.ts";
  import { openSession } from "./src/runtime/web.ts";

  const x = input("x", [1]);
  const open = (y, kept = []) => openSession(lower({ y }, "gpu"), { device: "webgpu", kept });
  const ended = (work) => work.then(() => "it ended well", ({ code, message }) => [code, message].join(" "));
  const feeds = () => ({ x: floats(Float32Array.of(1)) });
  async function run() { FAULT }`;

test.skipIf(chromiumMissing).each([
  [
    "a browser without WebGPU",
    `Object.defineProperty(navigator, "gpu", { value: undefined }); return ended(open(x));`,
    /^runtime.missing-device device webgpu is not available here: .*not supported.*Use device: cpu/,
  ],
  [
    "no adapter",
    "GPU.prototype.requestAdapter = async () => null; return ended(open(x));",
    /^runtime.missing-device device webgpu is not available here: .*adapter/,
  ],
  [
    "a buffer that is too large",
    `const session = await open(add(zerosLike(x, 0, ${2 ** 29}), x), ["y"]); return ended(session.run(feeds()));`,
    /^runtime.buffer-too-large a value doesn't fit into a buffer of the device/,
  ],
  [
    "a device that is lost, when what lies there is read",
    `const session = await open(add(x, x), ["y"]);
     const { y } = await session.run(feeds());
     const { env } = await import("onnxruntime-web/webgpu");
     (await env.webgpu.device).destroy();
     return ended(session.read(y));`,
    /^runtime.device-lost the device was lost/,
  ],
  [
    "a device that is lost, when more is computed",
    `const session = await open(add(x, x));
     await session.run(feeds());
     const { env } = await import("onnxruntime-web/webgpu");
     (await env.webgpu.device).destroy();
     return ended(session.run(feeds()));`,
    /^runtime.device-lost the device was lost/,
  ],
  [
    "a device that is lost while what lies there is read, and released",
    `const session = await open(add(x, x), ["y"]);
     const { y } = await session.run(feeds());
     const { env } = await import("onnxruntime-web/webgpu");
     const read = ended(session.read(y));
     await Promise.resolve(); // it is asked for
     (await env.webgpu.device).destroy();
     const said = await read;
     await session.free(y);
     await session.release();
     return said;`,
    /^runtime.device-lost the device was lost/,
  ],
  [
    "a device that was lost, when a session is opened",
    `const session = await open(add(x, x), ["y"]);
     const { env } = await import("onnxruntime-web/webgpu");
     const device = await env.webgpu.device;
     device.destroy();
     await device.lost;
     await session.release();
     return ended(open(add(x, add(x, x))));`,
    /^runtime.device-lost the device was lost.*a new Worker/,
  ],
])("in Chromium, %s is said by name", { timeout: 120_000 }, async (_, fault, expected) => {
  expect(await runInChromium(FAULTS.replace("FAULT", fault), 100_000)).toMatch(expected);
});
