import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LoraConfig } from "../adapters/lora/lora_config.ts";
import { writeAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { readTensor } from "../files/safetensors.ts";
import { readLora } from "../files/testing/read_lora.ts";
import { tunedCopy } from "../files/testing/tuned_copy.ts";
import { loadModel } from "../generation/load_model.ts";
import { openModelDirectory } from "../pretrained/model_directory.ts";
import { readWeight } from "../quantization/read_weight.ts";
import { goldenPath, goldenTensorEntries, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { mergeAdapter, unmergeAdapter } from "./merge.ts";
import { quantizeModel } from "./quantize_model.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "attune-merge-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const MODEL = goldenPath("models/llama-gqa");
const ADAPTER = goldenPath("training/llama-gqa-lora-all/final");

describe("a float32 merge", () => {
  test("has PEFT's weights, its logits, and the base's other files", async () => {
    const output = join(home, "merged");
    const report = await mergeAdapter({ model: MODEL, adapter: ADAPTER, output });
    expect(report.modules).toBe(21);
    expect(report.agreement.maxDifference).toBeLessThan(1e-4);

    const expected = await goldenTensorEntries(goldenPath("merge/llama-gqa-lora-all"));
    const { tensors, config } = await openModelDirectory(output);
    expect([...tensors.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, entry] of expected) {
      const difference = maxDifference(await readTensor(tensors.get(name)!), await readTensor(entry));
      expect(difference, name).toBeLessThan(1e-7);
    }
    const base = await openModelDirectory(MODEL);
    expect(config).toEqual(base.config);
    for (const file of ["tokenizer.json", "generation_config.json", "chat_template.jinja"])
      expect(readFileSync(join(output, file), "utf8")).toBe(readFileSync(join(MODEL, file), "utf8"));

    const golden = await readGoldenTensors(goldenPath("merge/llama-gqa-lora-all/logits.safetensors"));
    const model = await loadModel(output, { threads: 1 });
    const logits = await model.logits([...golden.input_ids!.data]);
    await model.release();
    expect(maxDifference(logits, golden.merged_logits!.data)).toBeLessThan(5e-5);
    expect(maxDifference(logits, golden.adapter_logits!.data)).toBeLessThan(5e-5);
  });
});

test("weights that are kept transposed are merged as they are kept", async () => {
  const model = goldenPath("families/gpt2");
  const report = await mergeAdapter({ model, adapter: `${model}/initial`, output: join(home, "merged") });
  expect(report.modules).toBe(8);
  expect(report.agreement.maxDifference).toBeLessThan(1e-4);
});

describe("a bfloat16 merge", () => {
  test("is rounded once, stays bfloat16, and is sharded as asked", async () => {
    const model = goldenPath("models/llama-bf16");
    const adapter = goldenPath("training/llama-bf16-lora-all/final");
    const output = join(home, "merged");
    const report = await mergeAdapter({ model, adapter, output, maxShardBytes: 60_000 });
    expect(report.agreement.relativeDifference).toBeLessThan(0.01); // measured 0.005
    expect(report.agreement.relativeDifference).toBeGreaterThan(1e-4);

    const [base, merged] = [await openModelDirectory(model), await openModelDirectory(output)];
    const shards = readdirSync(output).filter((file) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(file));
    expect(shards.length).toBeGreaterThan(2);
    expect([...merged.tensors.values()].every(({ dtype }) => dtype === "BF16")).toBe(true);

    const module = "model.layers.1.mlp.down_proj";
    const { config, modules } = await readLora(adapter);
    const { A, B, r, in: inputs } = modules.get(module)!;
    const W = await readTensor(base.tensors.get(`${module}.weight`)!);
    const got = await readTensor(merged.tensors.get(`${module}.weight`)!);
    got.forEach((value, i) => {
      let exact = 0;
      for (let k = 0; k < r; k++) exact += B[Math.floor(i / inputs) * r + k]! * A[k * inputs + (i % inputs)]!;
      exact = W[i]! + (config.alpha / r) * exact;
      expect(Math.abs(value - exact)).toBeLessThanOrEqual(2 ** -8 * Math.abs(exact) + 1e-7);
    });
    const norm = "model.norm.weight";
    expect(await readTensor(merged.tensors.get(norm)!)).toEqual(await readTensor(base.tensors.get(norm)!));
  });
});

describe.each([
  ["models/llama-gqa", "training/llama-gqa-lora-all/final", { type: "nf4", doubleQuant: true }, "F32"],
  ["models/llama-bf16", "training/llama-bf16-lora-all/final", { type: "nf4", doubleQuant: false }, "BF16"],
  ["models/llama-bf16", "training/llama-bf16-lora-all/final", { type: "fp4", doubleQuant: true }, "BF16"],
  ["models/llama-bf16", "training/llama-bf16-lora-all/final", { type: "int8" }, "BF16"],
] as const)("%s, %s, over %o", (model, adapter, quantization, dtype) => {
  test("is what the codes stand for plus the adapter, rounded once, in the base's type", async () => {
    const [quantized, output] = [join(home, "quantized"), join(home, "merged")];
    await quantizeModel({ model: goldenPath(model), output: quantized, quantization });
    const { agreement } = await mergeAdapter({ model: quantized, adapter: goldenPath(adapter), output });
    expect(agreement.relativeDifference).toBeLessThan(dtype === "F32" ? 1e-5 : 0.01);

    const [base, merged] = [await openModelDirectory(quantized), await openModelDirectory(output)];
    expect(merged.config).toEqual({ ...base.config, quantization_config: undefined });
    expect([...merged.tensors.values()].every((entry) => entry.dtype === dtype)).toBe(true);
    const { config, modules } = await readLora(goldenPath(adapter));
    const module = "model.layers.1.self_attn.v_proj";
    const { A, B, r, in: inputs } = modules.get(module)!;
    const W = await readWeight(base.tensors.get(`${module}.weight`)!);
    const got = await readTensor(merged.tensors.get(`${module}.weight`)!);
    got.forEach((value, i) => {
      let exact = 0;
      for (let k = 0; k < r; k++) exact += B[Math.floor(i / inputs) * r + k]! * A[k * inputs + (i % inputs)]!;
      exact = W[i]! + (config.alpha / r) * exact;
      const rounding = dtype === "F32" ? 0 : 2 ** -8;
      expect(Math.abs(value - exact)).toBeLessThanOrEqual(rounding * Math.abs(exact) + 1e-6);
    });
  });
});

describe("Conv1D that was quantized is merged as it was kept before, [in, out]", () => {
  test.each([
    ["families/gpt2/initial", { type: "nf4", doubleQuant: true }],
    ["families/gpt2/initial", { type: "int8" }],
    ["adapters/gpt2-dora/final", { type: "fp4" }],
    ["adapters/gpt2-ia3/final", { type: "nf4" }],
    ["adapters/gpt2-vera/final", { type: "int8" }],
  ] as const)("%s over %o", async (adapter, quantization) => {
    const [quantized, output] = [join(home, "quantized"), join(home, "merged")];
    await quantizeModel({ model: goldenPath("families/gpt2"), output: quantized, quantization });
    const { agreement } = await mergeAdapter({ model: quantized, adapter: goldenPath(adapter), output });
    expect(agreement.relativeDifference).toBeLessThan(1e-5);
    const [base, merged] = [
      await openModelDirectory(goldenPath("families/gpt2")),
      await openModelDirectory(output),
    ];
    for (const [name, { shape }] of merged.tensors)
      expect(shape, name).toEqual(base.tensors.get(name)!.shape);
  });
});

describe("unmerged", () => {
  test.each([
    ["models/llama-gqa", "training/llama-gqa-lora-all/final", 1e-6],
    ["models/llama-bf16", "training/llama-bf16-lora-all/final", 0.01],
    ["families/gpt2", "families/gpt2/initial", 1e-6],
  ])("%s is the base again, within the error that is said", async (model, adapter, most) => {
    const [merged, output] = [join(home, "merged"), join(home, "base")];
    await mergeAdapter({ model: goldenPath(model), adapter: goldenPath(adapter), output: merged });
    const report = await unmergeAdapter({ model: merged, adapter: goldenPath(adapter), output });
    expect(report.modules).toBeGreaterThan(1);
    expect(report.largestError).toBeLessThan(most);
    const [base, restored, between] = [
      await openModelDirectory(goldenPath(model)),
      await openModelDirectory(output),
      await openModelDirectory(merged),
    ];
    let [worst, moved] = [0, 0];
    for (const [name, entry] of base.tensors) {
      const W = await readTensor(entry);
      worst = Math.max(worst, maxDifference(W, await readTensor(restored.tensors.get(name)!)));
      moved = Math.max(moved, maxDifference(W, await readTensor(between.tensors.get(name)!)));
    }
    expect(worst).toBeLessThanOrEqual(report.largestError);
    expect(moved).toBeGreaterThan(10 * worst);
  });

  test("what the merge replaced, or a quantized model, is refused", async () => {
    const adapter = await readLora(ADAPTER);
    const quantized = join(home, "quantized");
    await quantizeModel({
      model: MODEL,
      output: quantized,
      quantization: { type: "nf4", doubleQuant: false },
    });
    const failing = (model: string, path: string) =>
      unmergeAdapter({ model, adapter: path, output: join(home, "out") }).catch((e) => (e as Error).message);
    expect(await failing(quantized, ADAPTER)).toMatch(
      /expected F32, F16 or BF16, to take an adapter out, got a quantized weight/,
    );
    const { config, modules } = adapter;
    for (const weights of modules.values()) weights.magnitude = new Float32Array(weights.out).fill(1);
    await writeAdapterDirectory(join(home, "dora"), {
      ...adapter,
      config: { ...config, useDora: true } as LoraConfig,
    });
    expect(await failing(MODEL, join(home, "dora"))).toMatch(/is DoRA: the merge scaled/);
    expect(existsSync(join(home, "out"))).toBe(false);
  });
});

describe("nothing is written", () => {
  const failing = async (adapter: string, output = join(home, "merged")) => {
    const error = await mergeAdapter({ model: MODEL, adapter, output }).catch((e) => e);
    return (error as Error).message;
  };

  test("when the merged model is not a number", async () => {
    const adapter = await readLora(ADAPTER);
    adapter.modules.get("model.layers.0.self_attn.q_proj")!.B.fill(3e38);
    await writeAdapterDirectory(join(home, "adapter"), adapter);
    expect(await failing(join(home, "adapter"))).toMatch(
      /merged: with the adapter, model\.layers\.0\.self_attn\.q_proj\.weight is -?Infinity at \[0, \d+\], which float32/,
    );
    expect(readdirSync(home)).toEqual(["adapter"]);
  });

  test("when the adapter is damaged", async () => {
    const adapter = await readLora(ADAPTER);
    adapter.modules.get("model.layers.0.self_attn.q_proj")!.B[7] = Number.NaN;
    await writeAdapterDirectory(join(home, "adapter"), adapter);
    expect(await failing(join(home, "adapter"))).toMatch(
      /q_proj\.lora_B\.weight: a value is not a finite number/,
    );
  });

  test("when nothing was merged that could be taken out, or what would come back is not known", async () => {
    const unmerging = (adapter: string, model: string) =>
      unmergeAdapter({ model, adapter, output: join(home, "out") }).then(String, (error) => error.message);
    const own = await readLora(ADAPTER);
    const base = goldenPath("models/llama-gqa");
    await writeAdapterDirectory(join(home, "adapter"), { ...own, baseModel: base });
    expect(await unmerging(join(home, "adapter"), base)).toMatch(/nothing was merged into it/);
    const ends = goldenPath("adapters/llama-lora-ends/final");
    expect(await unmerging(ends, base)).toMatch(/replaces weights of the base \(lm_head\.weight\)/);
  });

  test("when the adapter is for another base", async () => {
    const other = goldenPath("training/llama-bf16-lora-all/final");
    expect(await failing(other)).toMatch(/does not fit the model/);
    expect(readdirSync(home)).toEqual([]);
  });

  test("when the adapter is for a base of the same shape with other weights", async () => {
    const model = tunedCopy(MODEL, join(home, "tuned"), "model.norm.weight");
    const merging = mergeAdapter({ model, adapter: ADAPTER, output: join(home, "merged") });
    await expect(merging).rejects.toThrow(/tuned is another model/);
    expect(existsSync(join(home, "merged"))).toBe(false);
  });

  test("when something is there already", async () => {
    writeFileSync(join(home, "mine.txt"), "mine");
    expect(await failing(ADAPTER, home)).toMatch(/mine\.txt|not empty|exists/);
    expect(readFileSync(join(home, "mine.txt"), "utf8")).toBe("mine");
    expect(existsSync(join(home, "config.json"))).toBe(false);
  });
});
