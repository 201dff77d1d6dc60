import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lower } from "../graph/onnx/lower.ts";
import { add, scale } from "../graph/ops/elementwise.ts";
import { input } from "../graph/sources.ts";
import { useSwiftShader } from "../testing/swift_shader.ts";
import { AttuneError } from "../text/errors.ts";
import { openSession as openNode } from "./node.ts";
import { type Device, type DeviceTensor, isHost, type Session, type TensorData } from "./session.ts";
import { floats } from "./tensor_data.ts";
import { openSession as openWeb } from "./web.ts";

const row = (...values: number[]) => floats(Float32Array.from(values));
const listed = ({ data }: TensorData) => Array.from(data, Number);

/** y = x + step, twice = 2x. */
const model = () => {
  const x = input("x", ["N"]);
  return lower({ y: add(x, input("step", ["N"])), twice: scale(x, 2) });
};

interface Where {
  device: Device;
  open: typeof openNode;
  /** Whether tensors leave the host. */
  apart: boolean;
  missing: string;
}
const places: [string, Where][] = [
  ["Node, cpu", { device: "cpu", open: openNode, apart: false, missing: "" }],
  ["Node, webgpu", { device: "webgpu", open: openNode, apart: true, missing: useSwiftShader() }],
  ["the web's runtime, wasm", { device: "wasm", open: openWeb, apart: false, missing: "" }],
];

describe.each(places)("device tensors: %s", (_, { device, open, apart, missing }) => {
  let [session, other]: Session<DeviceTensor>[] = [];
  beforeAll(async () => {
    if (missing) return;
    session = await open(model(), { device, threads: 1, kept: ["y"] });
    other = await open(model(), { device, threads: 1 });
  }, 60_000);
  afterAll(async () => {
    await session?.release();
    await other?.release();
  });
  const read = async (tensor: DeviceTensor) => listed(await session!.read(tensor));

  test.skipIf(missing)("what is placed is fed as often as one likes, and read back", async () => {
    const x = row(1, 2, 3);
    const placed = await session!.place(x);
    expect(placed).toMatchObject({ dtype: "float32", shape: [3] });
    expect(placed === x).toBe(!apart);
    for (const step of [10, 20]) {
      const { y } = await session!.run({ x: placed, step: row(step, step, step) });
      expect(await read(y!)).toEqual([1 + step, 2 + step, 3 + step]);
    }
    expect(await read(placed)).toEqual([1, 2, 3]);
    expect(listed(x)).toEqual([1, 2, 3]);
  });

  test.skipIf(missing)("no more of a buffer is placed than the shape says", async () => {
    const buffer = Float32Array.of(9, 1, 2, 9);
    const placed = await session!.place(floats(buffer.subarray(1), [2]));
    const { y } = await session!.run({ x: placed, step: row(1, 1) });
    expect(await read(y!)).toEqual([2, 3]);
  });

  test.skipIf(missing)("an output that is kept is fed again, here and to another session", async () => {
    const step = await session!.place(row(1, 2));
    let x: DeviceTensor = row(0, 0);
    for (let i = 0; i < 3; i++) {
      const before = x;
      const { y, twice } = await session!.run({ x, step });
      expect([isHost(y!), isHost(twice!)]).toEqual([!apart, true]);
      x = y!;
      await session!.free(before);
    }
    const { twice } = await other!.run({ x, step });
    expect(await other!.read(twice!)).toMatchObject({ dtype: "float32", shape: [2] });
    expect(await read(twice!)).toEqual([6, 12]);
  });

  test.skipIf(missing)(
    "what is written to an array of the host's is there, whatever else stays on the device",
    async () => {
      const twice = row(0, 0);
      const results = await session!.run({ x: row(1, 2), step: row(5, 5) }, { twice });
      expect(results.twice).toBe(twice);
      expect(listed(twice)).toEqual([2, 4]);
      expect(await read(results.y!)).toEqual([6, 7]);
    },
  );

  test.skipIf(missing || !apart)("what was freed is refused, and holds nothing up", async () => {
    const placed = await session!.place(row(1, 2));
    await session!.free(placed);
    await expect(session!.run({ x: placed, step: row(1, 1) })).rejects.toThrow(/was freed/);
    await expect(session!.read(placed)).rejects.toThrow(AttuneError);
    expect(await read((await session!.run({ x: row(1), step: row(1) })).y!)).toEqual([2]);
  });

  test.skipIf(missing)("freeing leaves arrays of the host as they are", async () => {
    const x = row(1, 2);
    await session!.free(x);
    expect(listed(x)).toEqual([1, 2]);
  });

  test.skipIf(missing)("what was asked before a session is released is done", async () => {
    const brief = await open(model(), { device, threads: 1 });
    const asked = [1, 2].map((x) => brief.run({ x: row(x), step: row(1) }));
    await brief.release();
    expect((await Promise.all(asked)).map(({ y }) => listed(y!))).toEqual([[2], [3]]);
  });

  test.skipIf(missing)(
    "a released session takes along what it has on the device, and nothing else",
    async () => {
      const brief = await open(model(), { device, threads: 1, kept: ["y"] });
      const { y } = await brief.run({ x: row(1), step: row(1) });
      const [own, others] = [await brief.place(row(3)), await session!.place(row(4))];
      expect(await read(own)).toEqual([3]);
      await brief.release();
      await expect(brief.run({ x: row(1), step: row(1) })).rejects.toThrow(AttuneError);
      expect(await read(others)).toEqual([4]);
      for (const tensor of [y!, own])
        if (apart) await expect(session!.read(tensor)).rejects.toThrow(AttuneError);
    },
  );
});
