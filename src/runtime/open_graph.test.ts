import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { rowChunks, unchunk } from "../graph/ops/chunks.ts";
import { add, cast, cos, mul, scale } from "../graph/ops/elementwise.ts";
import { gather, scatterAdd } from "../graph/ops/indexing.ts";
import { linearScan } from "../graph/ops/linear_scan.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { zerosLike } from "../graph/ops/zeros.ts";
import { input, weight } from "../graph/sources.ts";
import { useSwiftShader } from "../testing/swift_shader.ts";
import { openSession } from "./node.ts";
import { openGraph } from "./open_graph.ts";
import type { OpenSession, TensorData } from "./session.ts";
import { floats, int32, int64 } from "./tensor_data.ts";

const missing = useSwiftShader();
const folder = mkdtempSync(join(tmpdir(), "attune-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** [2, 3] in bfloat16, some bytes into a file. */
const file = join(folder, "weights");
writeFileSync(file, new Uint8Array(Uint16Array.of(9, 0x3f80, 0xc000, 0x3f00, 0x4050, 0xc480, 0x3c00).buffer));
const stored = weight("w", { dtype: "bfloat16", shape: [2, 3] }, { file, offset: 2, byteLength: 12 });
const VALUES = [1, -2, 0.5, 3.25, -1024, 0.0078125];

/** [[2, 0], [0, 2]]. */
const twice = weight(
  "twice",
  { dtype: "bfloat16", shape: [2, 2] },
  { bytes: new Uint8Array(Uint16Array.of(0x4000, 0, 0, 0x4000).buffer) },
);

/** Counts what is uploaded: tensors that a GPU's session is given from the host. */
function counting(): { open: OpenSession; placed: string[]; fed: string[] } {
  const [placed, fed]: [string[], string[]] = [[], []];
  const open: OpenSession = async (model, options) => {
    const session = await openSession(model, options);
    if (options.device !== "webgpu") return session;
    const show = ({ dtype, shape }: TensorData) => `${dtype}[${shape}]`;
    return {
      ...session,
      place: (tensor) => {
        placed.push(show(tensor));
        return session.place(tensor);
      },
      run: (feeds, into) => {
        for (const [name, tensor] of Object.entries(feeds)) if ("data" in tensor) fed.push(name);
        return session.run(feeds, into);
      },
    };
  };
  return { open, placed, fed };
}
const device = "webgpu" as const;
const listed = (tensor: TensorData | undefined) => Array.from(tensor!.data as Float32Array);

describe.skipIf(missing)("on WebGPU", () => {
  test("weights are placed once for all graphs that read them, and a run feeds its own inputs", async () => {
    const { open, placed, fed } = counting();
    const w = cast(stored, "float32");
    const one = await openGraph(open, { y: scale(w, 2) }, { device });
    const x = input("x", [3, 1]);
    const other = await openGraph(open, { y: matmul(w, x) }, { device });
    expect(placed).toEqual(["float32[2,3]"]);
    expect(listed((await one.run({})).y)).toEqual(VALUES.map((v) => 2 * v));
    await one.release();
    const column = { dtype: "float32", shape: [3, 1], data: Float32Array.of(1, 10, 100) } as const;
    expect(listed((await other.run({ x: column })).y)).toEqual([31, 3.25 - 10240 + 0.78125]);
    expect(fed).toEqual(["x"]);
    await other.release();
    const again = await openGraph(open, { y: scale(w, 2) }, { device });
    expect(placed).toHaveLength(2);
    await again.release();
  }, 60_000);

  test("angles are right up to position 131,072", async () => {
    const positions = [0, 1, 511, 32_767, 131_071, 131_072];
    const turned = cos(cast(input("positions", ["T"], "int32"), "float32"));
    const session = await openGraph(openSession, { y: mul(turned, input("x", ["T"])) }, { device });
    const feeds = { positions: int32(Int32Array.from(positions)), x: floats(new Float32Array(6).fill(1)) };
    const found = listed((await session.run(feeds)).y);
    await session.release();
    for (const [i, p] of positions.entries()) expect(Math.abs(found[i]! - Math.cos(p))).toBeLessThan(1e-6);
  }, 60_000);

  test("rows are looked up and added by integers of 64 bits, repeats too", async () => {
    const [table, at] = [input("table", [4, 2]), input("at", ["T"], "int64")];
    const outputs = { rows: gather(table, at), sums: scatterAdd(table, at, gather(table, at)) };
    const session = await openGraph(openSession, outputs, { device });
    const values: TensorData = {
      dtype: "float32",
      shape: [4, 2],
      data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    };
    const { rows, sums } = await session.run({ table: values, at: int64([2, 0, 2]) });
    expect(listed(rows)).toEqual([5, 6, 1, 2, 5, 6]);
    expect(listed(sums)).toEqual([1, 2, 0, 0, 10, 12, 0, 0]);
    await session.release();
  }, 60_000);

  test("what needs a loop is written for each length of rows that comes, over weights that are placed once", async () => {
    const { open, placed } = counting();
    const x = input("x", ["T", 2]);
    const chunks = rowChunks(x, { size: 2 });
    const states = linearScan(mul(chunks, cast(twice, "float32")), chunks, { reverse: false });
    const session = await openGraph(open, { states: unchunk(states, x) }, { device });
    for (const T of [3, 5, 3]) {
      const rows = { dtype: "float32", shape: [T, 2], data: new Float32Array(2 * T).fill(1) } as const;
      const { states } = await session.run({ x: rows });
      expect(states!.shape).toEqual([T, 2]);
      // S' = 2·S + 1, from 0 on: two rows a chunk.
      expect(listed(states)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 3, 3].slice(0, 2 * T));
    }
    expect(placed).toHaveLength(1);
    await session.release();
  }, 60_000);

  test("a value that no buffer holds is said to be too large", async () => {
    const y = add(zerosLike(input("x", [1]), 0, 2 ** 29), input("x", [1]));
    const session = await openGraph(openSession, { y }, { device, kept: ["y"] });
    await expect(session.run({ x: floats(Float32Array.of(1)) })).rejects.toMatchObject({
      code: "runtime.buffer-too-large",
    });
    await session.release();
  }, 60_000);

  test("an op that would be left to the CPU is refused by name", async () => {
    const y = add(input("a", ["T"], "float64"), input("b", ["T"], "float64"));
    await expect(openGraph(openSession, { y }, { device })).rejects.toMatchObject({
      code: "runtime.op-not-on-device",
      message:
        "device webgpu: it has no kernel for add (float64 of 1 axes, float64 of 1 axes). Use device: cpu.",
    });
  }, 60_000);
});
