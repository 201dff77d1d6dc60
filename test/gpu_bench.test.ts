import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { findGpu, watchMemory } from "../bench/gpu/find_gpu.ts";
import { kernelsOf } from "../bench/gpu/kernels.ts";
import { productPeak } from "../bench/gpu/peak.ts";
import { type GpuOutcome, gpuSection, NO_GPU, weightsOf } from "../bench/gpu/section.ts";
import { SHAPES } from "../bench/gpu/workloads.ts";
import { putSection } from "../bench/suite/results.ts";
import { temporaryDirectory } from "../src/files/testing/temporary_directory.ts";
import { useSwiftShader } from "../src/testing/swift_shader.ts";

const at = temporaryDirectory();
const missing = useSwiftShader();

test("a GPU is what its driver says; without a driver there is none", () => {
  const answers: Record<string, string> = {
    "name,memory.total": "NVIDIA H200, 143771\nNVIDIA H200, 143771\n",
    "memory.used": "512\n512\n",
  };
  const gpu = findGpu((query) => answers[query])!;
  expect(gpu).toMatchObject({ name: "NVIDIA H200", memoryBytes: 143_771 * 2 ** 20 });
  expect(gpu.used()).toBe(512 * 2 ** 20);
  expect(findGpu(() => undefined)).toBeUndefined();
});

test("peak memory is what was held at most, beyond what others hold", () => {
  vi.useFakeTimers();
  const held = [100, 700, 300];
  const watch = watchMemory(() => held.shift()!);
  vi.advanceTimersByTime(600);
  expect(watch.stop()).toBe(600);
  expect(held).toEqual([]);
  vi.useRealTimers();
});

test("weights of the shapes are Qwen2.5's: those that a token is multiplied by", () => {
  const millions = Object.values(SHAPES).map((shape) => Math.round(weightsOf(shape) / 1e6));
  expect(millions).toEqual([494, 1_544, 7_070]); // without biases, norms and the 7B's embedding
});

describe("kernels of a trace", () => {
  const node = { cat: "Node", name: "MatMul/v1_kernel_time", dur: 9, args: { op_name: "MatMul" } };
  const api = (name: string, dur: number) => ({ cat: "Api", name, dur });

  test("are timed by the device where it does, the longest first", () => {
    const trace = [
      node,
      api("Add/v2&Add&Add", 1e6),
      api("MatMul/v1&MatMul&Tiled", 3e6),
      api("x&Add&Add", 1e6),
    ];
    expect(kernelsOf([JSON.stringify(trace.slice(0, 3)), JSON.stringify(trace.slice(3))])).toEqual([
      { op: "MatMul", calls: 1, seconds: 3 },
      { op: "Add", calls: 2, seconds: 2 },
    ]);
  });

  test("else by the host", () => {
    expect(kernelsOf([JSON.stringify([node, { cat: "Session", name: "run", dur: 5 }])])).toEqual([
      { op: "MatMul", calls: 1, seconds: 9e-6 },
    ]);
  });
});

const outcome = (changes: Partial<GpuOutcome>): GpuOutcome => ({
  ...{ name: "attune, webgpu", shapeName: "0.5B", shape: SHAPES["0.5B"]!, method: "LoRA" },
  ...{ command: { words: [] }, rounds: [], kernels: [] },
  ...changes,
});
const round = (seconds: number, deviceBytes: number) => ({
  ...{ firstStepBegins: 1, firstStepEnds: 4, before: 0, peakBytes: 0, deviceBytes },
  steps: [
    { seconds: 100, tokens: 1000, examples: 8 },
    ...[1, 2].map(() => ({ seconds, tokens: 1000, examples: 8 })),
  ],
  versions: { attune: "1" },
});

describe("the section of the figures", () => {
  const rounds = [round(1, 3e9), round(2, 5e9), round(4, 4e9)];
  const kernels = [
    { op: "MatMul", calls: 7, seconds: 3 },
    { op: "Add", calls: 2, seconds: 1 },
  ];
  const outcomes = [
    outcome({ rounds, kernels }),
    outcome({ name: "PyTorch and PEFT, bfloat16", error: "CUDA out of memory" }),
  ];
  const gpu = { name: "A GPU", memoryBytes: 24e9 };

  test("has medians of the steps after the first, memory, the roofline's share, and what failed", () => {
    const text = gpuSection({ gpu, peak: 1e13, rounds: 3, outcomes });
    expect(text).toContain("| 0.5B, LoRA, attune, webgpu | 500.0 | 4.0 | 4.00 | 9.9% |"); // 4 · 494e6 · 500 / 1e13
    expect(text).toContain("| 0.5B, LoRA, PyTorch and PEFT, bfloat16 | – | – | – | – |");
    expect(text).toContain("MatMul 75.0% (7), Add 25.0% (2)");
    expect(text).toContain("0.5B, LoRA, PyTorch and PEFT, bfloat16: CUDA out of memory");
    expect(text).toContain("A GPU, 24 GB; a float32 product: 10.0 TFLOP/s; attune 1.");
    expect(gpuSection({ gpu, peak: undefined, rounds: 3, outcomes })).toContain("| 500.0 | 4.0 | 4.00 | – |");
  });

  test("takes the place of the one that says that no GPU was at hand, and leaves the others", () => {
    const path = at("RESULTS.md");
    writeFileSync(path, "# Figures\n\nHead.\n\n## (a) LoRA\n\nfast\n\n## (h) DPO\n\nfast too\n");
    putSection(path, NO_GPU);
    expect(readFileSync(path, "utf8").match(/^## .*/gm)).toEqual([
      "## (a) LoRA",
      "## (gpu) On a GPU",
      "## (h) DPO",
    ]);
    putSection(path, gpuSection({ gpu, peak: 1e13, rounds: 3, outcomes }));
    const text = readFileSync(path, "utf8");
    expect(text).not.toContain("No GPU was at hand");
    expect(text).toContain("fast too");
    expect(text.match(/\(gpu\)/g)).toHaveLength(1);
  });
});

test.skipIf(missing)(`products on WebGPU${missing && ` (skipped: ${missing})`} have a rate`, async () => {
  expect(await productPeak(64)).toBeGreaterThan(1e4);
});
