import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compile, evaluate } from "../../testing/evaluate.ts";
import { profileKernels } from "../../testing/profile_kernels.ts";
import { AttuneError } from "../../text/errors.ts";
import { add, cast, mul } from "../ops/elementwise.ts";
import { matmul } from "../ops/matmul.ts";
import { sumAll } from "../ops/reduce.ts";
import { reshape } from "../ops/shape.ts";
import { softmax } from "../ops/softmax.ts";
import { constant, input, weight } from "../sources.ts";
import type { DType, Tensor, TensorType } from "../tensor.ts";
import { lower } from "./lower.ts";
import { OnnxWriter } from "./writer.ts";

const folder = mkdtempSync(join(tmpdir(), "attune-"));
afterAll(() => rmSync(folder, { recursive: true }));

const VALUES = [1, -2, 0.5, 3.25, -1024, 0.0078125]; // exact in all three types
const BYTES: Partial<Record<DType, Uint8Array>> = {
  float32: new Uint8Array(Float32Array.from(VALUES).buffer),
  bfloat16: new Uint8Array(Uint16Array.of(0x3f80, 0xc000, 0x3f00, 0x4050, 0xc480, 0x3c00).buffer),
  float16: new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x4280, 0xe400, 0x2000).buffer),
};

/** A weight of `VALUES`, `before` bytes into a file of its own. */
function inFile(name: string, dtype: DType, before: number, at = folder): Tensor {
  const [file, bytes] = [join(at, name), BYTES[dtype]!];
  writeFileSync(file, Buffer.concat([Buffer.alloc(before, 0xff), bytes, Buffer.alloc(5, 0xff)]));
  return weight(name, { dtype, shape: [2, 3] }, { file, offset: before, byteLength: bytes.byteLength });
}

const doubled = (w: Tensor) => add(cast(w, "float32"), cast(w, "float32"));
const expected = VALUES.map((v) => 2 * v);

describe("weights in files", () => {
  test.each(["float32", "bfloat16", "float16"] as const)(
    "%s is read in place, aligned or not",
    async (dtype) => {
      const outputs = [0, 1, 2, 3, 8, 13, 4096, 4099].map((before) => {
        const w = inFile(`${dtype}-${before}`, dtype, before);
        return [`after ${before} bytes`, doubled(w)] as const;
      });
      const results = await evaluate(Object.fromEntries(outputs), {});
      for (const [name] of outputs) expect(results[name]!.data, name).toEqual(expected);
    },
  );

  test("folders may have spaces and any letters", async () => {
    const odd = join(folder, "мой 模型 dir");
    mkdirSync(odd);
    const { y } = await evaluate({ y: doubled(inFile("w", "float32", 7, odd)) }, {});
    expect(y!.data).toEqual(expected);
  });

  test("offsets beyond 4 GiB are kept", async () => {
    const [file, offset] = [join(folder, "far"), 5 * 2 ** 30 + 3];
    const handle = await open(file, "w"); // sparse: it takes no room
    await handle.write(BYTES.float32!, 0, 24, offset);
    await handle.close();
    const w = weight("far", { dtype: "float32", shape: [2, 3] }, { file, offset, byteLength: 24 });
    expect((await evaluate({ y: doubled(w) }, {})).y!.data).toEqual(expected);
  });

  test("a file that ends too early, or isn't there, is refused, not read past its end", async () => {
    const w = inFile("short", "float32", 11);
    truncateSync(join(folder, "short"), 11 + 20);
    await expect(evaluate({ y: doubled(w) }, {})).rejects.toThrow(AttuneError);
    rmSync(join(folder, "short"));
    await expect(evaluate({ y: doubled(w) }, {})).rejects.toThrow(AttuneError);
  });

  test("a product by a file's bfloat16 weight is the product by its values", async () => {
    const x = input("x", ["T", 3]);
    const w = cast(inFile("projection", "bfloat16", 9), "float32");
    const { y } = await evaluate(
      { y: matmul(x, w, { transB: true }) },
      { x: { shape: [1, 3], data: [1, 10, 100] } },
    );
    expect(y!.data).toEqual([1 - 20 + 50, 3.25 - 10240 + 0.78125]);
  });
});

describe("weights in memory", () => {
  test.each(["float32", "bfloat16", "float16"] as const)("%s", async (dtype) => {
    const w = weight("w", { dtype, shape: [2, 3] }, { bytes: BYTES[dtype]! });
    expect((await evaluate({ y: doubled(w) }, {})).y!.data).toEqual(expected);
  });

  test("integers and conditions", async () => {
    const int64 = weight(
      "i",
      { dtype: "int64", shape: [2] },
      { bytes: new Uint8Array(BigInt64Array.of(-1n, 2n ** 40n).buffer) },
    );
    const uint8 = weight("u", { dtype: "uint8", shape: [2] }, { bytes: Uint8Array.of(0, 255) });
    const bool = weight("b", { dtype: "bool", shape: [2] }, { bytes: Uint8Array.of(0, 1) });
    const results = await evaluate({ int64, uint8, bool }, {});
    expect(results).toEqual({
      int64: { shape: [2], data: [-1, 2 ** 40] },
      uint8: { shape: [2], data: [0, 255] },
      bool: { shape: [2], data: [0, 1] },
    });
  });

  test("a view into a larger buffer is that view", async () => {
    const bytes = new Uint8Array([9, 9, 9, ...BYTES.float32!, 9]).subarray(3, 27);
    const w = weight("w", { dtype: "float32", shape: [2, 3] }, { bytes });
    expect((await evaluate({ y: doubled(w) }, {})).y!.data).toEqual(expected);
  });
});

test("named sizes may differ from run to run", async () => {
  const [x, w] = [input("x", ["T", "U", 2]), input("w", [2, 3])];
  const compiled = await compile({ y: softmax(matmul(x, w)), sum: sumAll(x) });
  for (const [T, U] of [
    [1, 1],
    [7, 3],
    [2, 5],
    [0, 4],
    [300, 2],
  ] as const) {
    const ones = (shape: number[]) => ({
      shape,
      data: Array<number>(shape.reduce((n, d) => n * d, 1)).fill(1),
    });
    const { y, sum } = await compiled.run({ x: ones([T, U, 2]), w: ones([2, 3]) });
    expect(y!.shape).toEqual([T, U, 3]);
    expect(y!.data).toEqual(Array(T * U * 3).fill(Math.fround(1 / 3)));
    expect(sum!.data).toEqual([T * U * 2]);
  }
  await compiled.release();
});

describe("outputs", () => {
  test("one value may have two names, and be an input, a constant or used further on", async () => {
    const x = input("x", [2]);
    const y = mul(x, x);
    const once = reshape(y, [1, 2]);
    const outputs = { once, twice: once, same: x, more: add(once, x), fixed: constant([4, 5], [2]) };
    const results = await evaluate(outputs, { x: { shape: [2], data: [2, 3] } });
    const data = Object.fromEntries(Object.entries(results).map(([name, values]) => [name, values.data]));
    expect(data).toEqual({ once: [4, 9], twice: [4, 9], same: [2, 3], more: [6, 12], fixed: [4, 5] });
  });

  test("are written by the node that computes them, without a copy", async () => {
    const profile = profileKernels();
    const y = softmax(input("x", [2]));
    const compiled = await compile({ y, twice: add(y, y) }, "cpu", profile.options);
    expect((await compiled.run({ x: { shape: [2], data: [0, 0] } })).twice!.data).toEqual([1, 1]);
    await compiled.release();
    expect(profile.kernels()).toEqual(new Set(["CPU Softmax(float)", "CPU Add(float, float)"]));
  });

  test("ask only for the inputs they need", () => {
    const x = input("x", ["T"]);
    const y = add(x, constant([1], [1]));
    const elsewhere = mul(y, input("other", [1]));
    const model = lower({ y });
    expect([...model.inputs]).toEqual([["x", { dtype: "float32", shape: ["T"] }]]);
    expect(model.outputs.get("y")).toMatchObject({ dtype: "float32", shape: ["T"] });
    expect([...lower({ y, elsewhere }).inputs.keys()]).toEqual(["x", "other"]);
  });
});

describe("names", () => {
  const bytes = new Uint8Array(8);
  const type = { dtype: "float32", shape: [2] } as const;

  test("the same input or weight may come twice", async () => {
    const w = weight("w", type, { bytes });
    const again = weight("w", type, { bytes });
    const sum = add(add(input("x", [2]), input("x", [2])), add(w, again));
    expect((await evaluate({ sum }, { x: { shape: [2], data: [1, 2] } })).sum!.data).toEqual([2, 4]);
  });

  test("two values of one name are refused: one would silently take the other's place", () => {
    const x = input("x", [2]);
    expect(() => lower({ y: mul(x, input("x", [1])) })).toThrow(
      /x names two values: input .*\[2\] and input .*\[1\]/,
    );
    expect(() => lower({ x: mul(x, x) })).toThrow(/x names two values/);
    const [one, other] = [weight("w", type, { bytes }), weight("w", type, { bytes: bytes.slice() })];
    expect(() => lower({ y: add(one, other) })).toThrow(/w names two values/);
    const moved = (offset: number) => weight("w", type, { file: "/m", offset, byteLength: 8 });
    expect(() => lower({ y: add(moved(8), moved(16)) })).toThrow(/w names two values/);
    const inBlob = (name: string) =>
      weight(name, type, { file: "/m", blob: new Blob([bytes]), offset: 0, byteLength: 8 });
    expect(() => lower({ y: add(inBlob("w"), inBlob("v")) })).toThrow(/\/m names two files/);
  });

  test("like those the writer makes up are free to use", async () => {
    const [v0, c0] = [input("v0", [2]), input("c0", [2])];
    const feeds = { v0: { shape: [2], data: [1, 2] }, c0: { shape: [2], data: [3, 4] } };
    expect((await evaluate({ v1: mul(add(v0, c0), constant([2], [1])) }, feeds)).v1!.data).toEqual([8, 12]);
  });
});

describe("what values are", () => {
  const row: TensorType = { dtype: "float32", shape: ["T", 4] };

  test("is said of what nodes compute, but for outputs, which say it anyway", () => {
    const w = new OnnxWriter();
    const x = w.input("x", row);
    const [between, last] = [w.node("Neg", [x]), w.node("Abs", [x])];
    for (const name of [x, between, last]) w.describe(name, row);
    const { values } = w.graph(new Map([["y", { value: last, type: row }]]));
    expect(values).toEqual(new Map([[between, row]]));
  });
});
