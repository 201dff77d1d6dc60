import { openAsBlob, readFileSync, writeFileSync } from "node:fs";
import type { InferenceSession } from "onnxruntime-web";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { lower } from "../graph/onnx/lower.ts";
import { add, cast, scale } from "../graph/ops/elementwise.ts";
import { input, weight } from "../graph/sources.ts";
import { AttuneError } from "../text/errors.ts";
import type { Session, TensorData } from "./session.ts";
import { openSession, openSessionOver } from "./web.ts";

const { opened } = vi.hoisted(() => ({ opened: [] as InferenceSession.SessionOptions[] }));

/** The real runtime, whose options are remembered. */
vi.mock("onnxruntime-web/wasm", async (original) => {
  const runtime = await original<typeof import("onnxruntime-web/wasm")>();
  const create = (model: Uint8Array, options: InferenceSession.SessionOptions) => {
    opened.push(options);
    return runtime.InferenceSession.create(model, options);
  };
  return { ...runtime, InferenceSession: { create } };
});

const at = temporaryDirectory();
const floats = (...data: number[]): TensorData => ({
  dtype: "float32",
  shape: [data.length],
  data: Float32Array.from(data),
});

describe("a session on the web's runtime", () => {
  const [x, w] = [input("x", ["N"]), input("w", ["N"])];
  const model = lower({ y: scale(x, 2), z: add(x, w) });
  let session: Session;
  beforeAll(async () => {
    session = await openSession(model, { device: "wasm", threads: 1 });
  }, 60_000);
  afterAll(() => session.release());

  test("writes outputs in place where they are asked for, and leaves what is beyond the shape", async () => {
    const into = { z: { ...floats(0, 0), data: Float32Array.of(7, 7, 7) } };
    const results = await session.run({ x: floats(1, 2), w: floats(3, 4) }, into);
    expect(results.z).toBe(into.z);
    expect(Array.from(into.z.data)).toEqual([4, 6, 7]);
    expect(results.y).toEqual(floats(2, 4));
  });

  test("reads no further than the shape", async () => {
    const longer = { ...floats(1, 2), data: Float32Array.of(1, 2, 9, 9) };
    expect((await session.run({ x: longer, w: floats(1, 1) })).z).toEqual(floats(2, 3));
  });

  test("takes runs of several sessions in turn", async () => {
    const other = await openSession(model, { device: "cpu", threads: 1 });
    const runs = [1, 2, 3, 4].map((i) => [session, other][i % 2]!.run({ x: floats(i), w: floats(i) }));
    expect((await Promise.all(runs)).map(({ z }) => z!.data[0])).toEqual([2, 4, 6, 8]);
    await other.release();
  });

  test("a failed run is an error users can read, and holds nothing up", async () => {
    const failing = session.run({ x: floats(1, 2), w: floats(1, 2, 3) });
    const next = session.run({ x: floats(1), w: floats(1) });
    await expect(failing).rejects.toThrow(AttuneError);
    expect((await next).z).toEqual(floats(2));
  });

  test("a missing provider is named", async () => {
    const opening = openSession(model, { device: "cuda" });
    await expect(opening).rejects.toThrow(AttuneError);
    await expect(opening).rejects.toThrow(/device cuda is not available here/);
  });

  test("a model that is none is refused", async () => {
    const opening = openSession({ ...model, bytes: Uint8Array.of(1, 2, 3) }, { device: "wasm" });
    await expect(opening).rejects.toThrow(/the runtime refused the model/);
  });

  test("options mean what they mean in Node: the graph runs as it was written, unless constants are folded", async () => {
    for (const foldConstants of [false, true]) {
      await (await openSession(model, { device: "wasm", foldConstants })).release();
      expect(opened.at(-1)).toMatchObject({
        graphOptimizationLevel: foldConstants ? "all" : "disabled",
        enableMemPattern: false,
        extra: { session: { disable_prepacking: "1", set_denormal_as_zero: "1" } },
      });
    }
    const profiled = openSession(model, { device: "wasm", profilePrefix: "x" });
    await expect(profiled).rejects.toMatchObject({ code: "runtime.no-profile" });
  });
});

describe("weights in files", () => {
  const bytes = new Uint8Array(Uint16Array.of(0x3f80, 0xc000, 0x3f00).buffer); // bfloat16 1, -2, 0.5
  const inFile = (file: string, offset: number) =>
    cast(weight(`w${offset}`, { dtype: "bfloat16", shape: [3] }, { file, offset, byteLength: 6 }), "float32");
  const graph = (file: string) => lower({ sum: add(inFile(file, 3), inFile(file, 11)) });

  test.each([
    ["bytes", async (path: string) => new Uint8Array(readFileSync(path))],
    ["a Blob", (path: string) => openAsBlob(path)],
  ])("come from %s, by the file's name", async (_, contents) => {
    const path = at("weights");
    writeFileSync(path, Uint8Array.of(7, 7, 7, ...bytes, 7, 7, ...bytes));
    for (const name of ["model.safetensors", "/models/one/model.safetensors"]) {
      const open = openSessionOver(new Map([[name, await contents(path)]]));
      const session = await open(graph(name), { device: "wasm", threads: 1 });
      expect((await session.run({})).sum).toEqual(floats(2, -4, 1));
      await session.release();
    }
  });

  test("a file that was not given, or is too short, is named", async () => {
    const opening = openSession(graph("model.safetensors"), { device: "wasm" });
    await expect(opening).rejects.toMatchObject({ code: "runtime.missing-file", place: "model.safetensors" });
    const short = openSessionOver(new Map([["model.safetensors", bytes]]));
    await expect(short(graph("model.safetensors"), { device: "wasm" })).rejects.toThrow(AttuneError);
  });
});
