import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../runtime/session.ts";
import { centralDifferences } from "../../testing/central_difference.ts";
import { difference } from "../../testing/difference.ts";
import { dropoutOfMany, MANY } from "../../testing/dropout_of_many.ts";
import { compile, type Feeds, type Values } from "../../testing/evaluate.ts";
import { readGoldenMap } from "../../testing/goldens.ts";
import { opCases } from "../../testing/op_cases.ts";
import { type Float, opGraph } from "../../testing/op_graph.ts";
import { profileKernels } from "../../testing/profile_kernels.ts";
import { uniform } from "../../testing/random.ts";
import { useSwiftShader } from "../../testing/swift_shader.ts";
import { reachable } from "../walk.ts";

/** One contract for every op, on every provider: values and gradients are PyTorch's (`graph/goldens/make_ops.py`). */
interface Provider {
  device: Device;
  /** Whether the runtime optimizes the graph, with fused kernels of its own. */
  foldConstants?: boolean;
  float: Float;
  /** Largest error allowed, relative to a tensor's largest entry. */
  tolerance: number;
  /** Cases that need more. */
  looser?: Record<string, number>;
  /** Cases it can't compute, and why. */
  without?: Record<string, string>;
  /** Why it can't run here at all, "" when it can. */
  missing: string;
}

const noErf = "the runtime has no float64 Erf";
const noRotation = "the runtime has no float64 RotaryEmbedding";
const ropes = { rope: noRotation, "rope, heads": noRotation, "rope, part of a head": noRotation };
const notIn64 = { erf: noErf, gelu: noErf, ...ropes };

// Measured in float32: 9.9e-7 for tanh's gradient, whose 1 - tanh² cancels; most ops 2e-7. The gradient of a saturated
// softmax cancels to 6.5e-3 of its terms: 3.6e-6. In float64: 1e-13 for layerNorm, whose eps ONNX keeps as a float32;
// all else 1e-15. WGSL promises 2^-11 for sin and cos inside [-π, π] and nothing outside; SwiftShader gives 1.9e-4.
const float32 = { float: "float32", tolerance: 2e-6 } as const;
const saturated = { "softmax, far out": 1e-5 };
const providers: Provider[] = [
  { device: "cpu", float: "float64", tolerance: 3e-13, without: notIn64, missing: "" },
  { device: "cpu", ...float32, looser: saturated, missing: "" },
  { device: "cpu", ...float32, looser: saturated, foldConstants: true, missing: "" },
  { device: "wasm", ...float32, looser: saturated, missing: "" },
  {
    device: "webgpu",
    ...float32,
    looser: { ...saturated, sin: 6e-4, cos: 6e-4 },
    without: {
      "cast, float16 and back": "SwiftShader has no 16-bit floats",
      "cast, bfloat16 and back": "weights of 16 bits are widened on the host",
      "lessOrEqual, int64": "integers of 64 bits are compared on the host",
      "equal, int64": "integers of 64 bits are compared on the host",
      "rowChunks, numbers": "integers are put into chunks on the host",
      "groupedMatmul, a group without rows": "the runtime ends where a product has no rows",
    },
    missing: useSwiftShader(),
  },
];

const golden = await readGoldenMap(fileURLToPath(new URL("../goldens/ops.safetensors", import.meta.url)));
const feeds: Feeds = Object.fromEntries(golden);
const cases = opCases();
const caseOf = (key: string) => key.slice(0, key.lastIndexOf("/"));
const only = (keep: (name: string) => boolean) => new Map([...cases].filter(([name]) => keep(name)));

/** Whether a GPU computes a case for one length of rows: all others are kept from it. */
const isByRow = (name: string) =>
  reachable(Object.values(opGraph(new Map([[name, cases.get(name)!]]), golden, "float32"))).some(
    ({ op }) => op.unrolledOnGpu,
  );

const files = readdirSync(new URL(".", import.meta.url)).filter((file) => !file.endsWith(".test.ts"));
const modules = await Promise.all(files.map((file) => import(`./${file.replace(".ts", "")}.ts`)));
const ops = modules.flatMap((module) =>
  Object.keys(module).filter((name) => typeof module[name] === "function"),
);

test("goldens and cases have the same names", () => {
  expect([...new Set([...golden.keys()].map(caseOf))].sort()).toEqual([...cases.keys()].sort());
});

test("every op of this folder has a case", () => {
  const tested = new Set([...cases.keys()].map((name) => name.split(/[ ,]/)[0]));
  const elsewhere = ["dequantize4bit", "quantizedMatmul", "dequantizeRows", "expandScales"]; // quantized_matmul.test.ts
  const blocks = ["blockWeight", "blockMatmul"]; // block_matmul.test.ts
  // frozen_head.test.ts, int8_head.test.ts, int8_matmul.test.ts, likeliest.test.ts
  const inParts = [
    ...["headParts", "int8HeadParts", "frozenCrossEntropy", "int8CrossEntropy"],
    ...["int8Weight", "int8Matmul", "weightedRows", "roundedRows", "likeliestIds"],
  ];
  const ofExperts = ["expertsMatmul", "stackedMatrices"]; // grouped_quantized.test.ts
  const mxfp4 = ["mxfp4Scale", "mxfp4Matrix"]; // quantization/mxfp4.test.ts
  const sums = ["addScattered", "scatteredOver", "addMatrixProduct"];
  const helpers = [...sums, "squeezeFront", "groupsOf", "productNode", "turnedProductNodes"]; // of others
  const known = [...blocks, ...inParts, ...elsewhere, ...ofExperts, ...mxfp4, ...helpers];
  expect(ops.filter((op) => !tested.has(op)).sort()).toEqual(known.sort());
});

const titled = providers.map((provider): [title: string, Provider] => {
  const { device, float, foldConstants, missing } = provider;
  return [
    `${device}, ${float}${foldConstants ? ", optimized" : ""}${missing && `: skipped, ${missing}`}`,
    provider,
  ];
});

describe.each(titled)("%s", (_, provider) => {
  const { device, foldConstants = false, float, tolerance, looser, without = {}, missing } = provider;
  const here = only((name) => !(name in without));
  const many = dropoutOfMany();
  let results: Record<string, Values>;
  let kernels: Set<string>;

  beforeAll(async () => {
    if (missing) return;
    const atOnce = device === "webgpu" ? only((name) => here.has(name) && !isByRow(name)) : here;
    const outputs = { ...opGraph(atOnce, golden, float), ...(float === "float32" && many.outputs) };
    const profiled = device === "webgpu" ? profileKernels() : undefined;
    const compiled = await compile(outputs, device, { foldConstants, ...profiled?.options });
    results = await compiled.run({ ...feeds, ...many.feeds });
    await compiled.release();
    kernels = profiled?.kernels() ?? new Set();
    if (device !== "webgpu") return;
    const unrolled = await compile(
      opGraph(
        only((name) => here.has(name) && isByRow(name)),
        golden,
        float,
      ),
      device,
    );
    Object.assign(results, await unrolled.run(feeds));
    await unrolled.release();
  }, 180_000);

  test.skipIf(missing).each([...here.keys()])("%s", (name) => {
    const expected = [...golden.keys()].filter((key) => caseOf(key) === name && /\/y$|\.grad$/.test(key));
    const found = Object.keys(results).filter((key) => caseOf(key) === name);
    expect(found.sort()).toEqual(expected.sort());
    for (const key of expected)
      expect(difference(results[key]!, golden.get(key)!, looser?.[name] ?? tolerance), key).toBe("");
  });

  test.skip.each(Object.entries(without))("%s: %s", () => {});

  test.skipIf(missing || float !== "float32")("dropout of many, entry by entry what the words say", () => {
    expect(difference(results["many/y"]!, many.expected(uniform(MANY, 1)), 0)).toBe("");
    expect(difference(results["many/x.grad"]!, many.expected(Array(MANY).fill(1)), 0)).toBe("");
  });

  test.skipIf(missing || device !== "webgpu")("WebGPU leaves nothing to the CPU", () => {
    expect([...kernels].filter((k) => k.startsWith("CPU"))).toEqual([]);
    expect(kernels).toContain("WebGpu MatMul(float, float)");
  });
});

// The error of central differences is O(step²) + O(precision / step). Measured: 3e-9 in float64, 1.6e-5 in float32.
const inFloat64 = {
  float: "float64",
  step: 1e-5,
  tolerance: 1e-8,
  here: only((name) => !(name in notIn64)),
} as const;
const inFloat32 = {
  float: "float32",
  step: 2 ** -7,
  tolerance: 5e-5,
  here: only((name) => name in notIn64),
} as const;

describe.each([inFloat64, inFloat32])(
  "gradients by central differences, $float",
  ({ float, step, tolerance, here }) => {
    // Casts go in steps and are passed straight through backwards; what is detached is meant to have no gradient.
    const passed = only((name) => /^(cast, b?float16|detach)/.test(name));
    const outputs = Object.entries(
      opGraph(
        only((name) => here.has(name) && !passed.has(name)),
        golden,
        float,
      ),
    );
    const graph = (end: string) => Object.fromEntries(outputs.filter(([name]) => name.endsWith(end)));
    const probes = outputs.filter(([name]) => name.endsWith(".grad")).map(([name]) => probe(name));
    let expected: Values[];
    let found: Record<string, Values>;

    beforeAll(async () => {
      const [forward, backward] = [await compile(graph("/y")), await compile(graph(".grad"))];
      expected = await centralDifferences(forward.run, feeds, probes, step);
      found = await backward.run(feeds);
      await Promise.all([forward.release(), backward.release()]);
    }, 60_000);

    test.each(probes.map(({ x }) => x))("%s", (x) => {
      const i = probes.findIndex((p) => p.x === x);
      expect(difference(found[`${x}.grad`]!, expected[i]!, tolerance)).toBe("");
    });
  },
);

const probe = (gradient: string) => ({
  x: gradient.slice(0, -".grad".length),
  y: `${caseOf(gradient)}/y`,
  dy: golden.get(`${caseOf(gradient)}/dy`)!,
});
