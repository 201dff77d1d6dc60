import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lower } from "../graph/onnx/lower.ts";
import { add, scale } from "../graph/ops/elementwise.ts";
import { input } from "../graph/sources.ts";
import { AttuneError } from "../text/errors.ts";
import type { Session, TensorData } from "./session.ts";
import { openSession } from "./web.ts";

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
});
