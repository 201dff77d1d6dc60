/** Models of test/cases as other tools write them, and damaged ones, from first to last. */
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { LoraConfig } from "../src/adapters/lora/lora_config.ts";
import { writeAdapterDirectory } from "../src/adapters/peft/adapter_directory.ts";
import { mergeAdapter } from "../src/export/merge.ts";
import { quantizeModel } from "../src/export/quantize_model.ts";
import { copyOf, type Dtype, readTensor, type TensorSource } from "../src/files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../src/files/safetensors_file.ts";
import { ownHeadCopy } from "../src/files/testing/own_head.ts";
import { temporaryDirectory } from "../src/files/testing/temporary_directory.ts";
import { loadModel } from "../src/generation/load_model.ts";
import { readModel } from "../src/models/families.ts";
import { initializeWeights } from "../src/models/initialize.ts";
import { saveModelDirectory } from "../src/pretrained/model_directory.ts";
import { openModel } from "../src/pretrained/open_model.ts";
import { messageOf, runToEnd } from "../src/run/testing/runs.ts";
import { parsePythonJson } from "../src/text/parse_python_json.ts";
import { pythonJson } from "../src/text/python_json.ts";

const at = temporaryDirectory();
const casePath = (path: string) => fileURLToPath(new URL(`cases/${path}`, import.meta.url));
const readJson = (path: string) => parsePythonJson(readFileSync(path, "utf8")) as Record<string, unknown>;
const configOf = (name: string) => readJson(casePath(`models/${name}/config.json`));
const changeOf = (id: string) => readJson(casePath(`${id}/config-change.json`));

/** A model of random weights by one of the configs, which `change` may alter or replace one by one. */
async function base(
  name: string,
  { config = {}, change = (source) => source, dtype = "F32", maxShardBytes }: BaseOptions = {},
): Promise<string> {
  const path = at("base");
  const weights = initializeWeights(readModel({ ...configOf(name), initializer_range: 0.1 }), 7);
  const tensors = [...weights].map(([key, { shape, data }]) =>
    change({ name: key, dtype, shape: [...shape], data: () => data.slice() }),
  );
  await saveModelDirectory(path, { config: configOf(name), tensors, maxShardBytes });
  for (const file of ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"])
    if (existsSync(casePath(`models/${name}/${file}`)))
      cpSync(casePath(`models/${name}/${file}`), join(path, file));
  writeFileSync(join(path, "config.json"), pythonJson({ ...readJson(join(path, "config.json")), ...config }));
  return path;
}

interface BaseOptions {
  config?: object;
  change?: (source: TensorSource) => TensorSource;
  dtype?: Dtype;
  maxShardBytes?: number;
}

const lora = { type: "lora", r: 4, alpha: 8, targetModules: ["q_proj", "v_proj"] } as const;
const rows = () => [{ path: casePath("tokens.jsonl") }];
const training = { maxSteps: 1, learningRate: 1e-4, warmupRatio: 0, maxLength: 64 };
const runOn = (model: string, settings: object = { adapter: lora }) =>
  runToEnd({ model, data: rows(), output: at("run"), training, ...settings });

const headOf = async (path: string) => {
  const { tensors } = await readSafetensorsHeader(join(path, "model.safetensors"));
  return readTensor(tensors.get("lm_head.weight")!);
};

test("i1: an adapter is trained over a head of its own", async () => {
  const model = await ownHeadCopy(await base("chatml"), at("own"));
  const events = await runOn(model);
  expect(events.at(-1)).toMatchObject({ type: "end", reason: "completed" });
  expect((await openModel(model)).model.tied).toBe(false);
});

test("i3: all weights are trained, and the head is written", async () => {
  const model = await ownHeadCopy(await base("chatml"), at("own"));
  await runOn(model, { training: { ...training, learningRate: 1e-12 } });
  const [before, after] = [await headOf(model), await headOf(at("run/model"))];
  expect(Math.max(...after.map((value, i) => Math.abs(value - before[i]!)))).toBeLessThan(1e-6);
  expect(readJson(at("run/model/config.json")).tie_word_embeddings).toBe(false);
});

test("i2: attention both ways is refused by its key", async () => {
  const message = await messageOf(runOn(await base("chatml", { config: changeOf("i2") })));
  expect(message).toMatch(
    /^AttuneError: .*base\/config\.json: .*\n {2}is_causal: attune's attention is causal/,
  );
});

test("j6: a model that was saved without its head", async () => {
  const headless = (source: TensorSource) => ({ ...source, name: source.name.replace(/^model\./, "") });
  const { directory, model } = await openModel(await base("chatml", { change: headless }));
  expect(model.tied).toBe(true);
  expect(directory.tensors.get("model.norm.weight")?.name).toBe("model.norm.weight");
  expect((await runOn(directory.path)).at(-1)).toMatchObject({ reason: "completed" });
});

describe("l1: floats that JSON doesn't know", () => {
  test.each<[string, string]>([
    ["as Python writes them", "[\n    0.0,\n    Infinity,\n    NaN\n  ]"],
    ["as transformers 5 writes them", '[0.0, {"__float__": "Infinity"}, {"__float__": "NaN"}]'],
  ])("%s", async (_, limit) => {
    const model = await base("chatml");
    const file = join(model, "config.json");
    writeFileSync(file, readFileSync(file, "utf8").replace("{", `{\n  "time_step_limit": ${limit},`));
    const { directory } = await openModel(model);
    expect(directory.config.time_step_limit).toEqual([0, Infinity, Number.NaN]);
    await runOn(model, {});
    const written = readFileSync(at("run/model/config.json"), "utf8");
    expect(JSON.parse(written).time_step_limit[1]).toEqual({ __float__: "Infinity" }); // JSON for everyone
    expect((await openModel(at("run/model"))).directory.config.time_step_limit).toEqual([
      0,
      Infinity,
      Number.NaN,
    ]);
  });

  test("the case's own", async () => {
    const { directory } = await openModel(await base("chatml", { config: changeOf("l1") }));
    expect(directory.config.time_step_limit).toEqual([0, Infinity]);
  });
});

test("l2: a model_type that attune doesn't compute is named", async () => {
  const message = await messageOf(runOn(await base("chatml", { config: changeOf("l2") })));
  expect(message).toMatch(/^AttuneError: .*base\/config\.json: model_type: expected .*, got "mamba2"/);
});

describe("l3: a weight of the base that is no number", () => {
  const WEIGHT = "model.layers.1.mlp.up_proj.weight";
  const spoiling =
    (value: number, name = WEIGHT) =>
    (source: TensorSource): TensorSource => ({
      ...source,
      data: async () => {
        const data = (await source.data()) as Float32Array;
        if (source.name === name) data[5] = value;
        return data;
      },
    });
  const named = (file: string, value: number, weight = WEIGHT) =>
    new RegExp(`${file}: the base's ${weight.replaceAll(".", "\\.")} is ${value} at \\[0, 5\\]`);

  test.each<[string, Dtype, number, number | undefined]>([
    ["chatml", "F32", Number.NaN, undefined],
    ["chatml", "BF16", Infinity, undefined],
    ["bos", "F16", -Infinity, undefined],
    ["bos", "BF16", Number.NaN, 60_000],
  ])("%s, %s, %d, shards of %s: before any step", async (name, dtype, value, maxShardBytes) => {
    const model = await base(name, { change: spoiling(value), dtype, maxShardBytes });
    for (const settings of [{ adapter: lora }, {}]) {
      const message = await messageOf(runOn(model, settings));
      expect(message).toMatch(named("model.*safetensors", value));
      expect(message).not.toMatch(/learningRate|learning rate|row/);
      expect(existsSync(at("run/metrics.jsonl"))).toBe(false);
    }
  });

  test("in chat, in a merge and when it is quantized", async () => {
    const model = await base("chatml", { change: spoiling(Number.NaN) });
    const talk = await loadModel(model, { threads: 1 });
    expect(await messageOf(talk.complete("Name"))).toMatch(/up_proj\.weight.*NaN|NaN.*up_proj\.weight/s);
    await talk.release();
    await adapterOf(model, 0.1);
    const merging = mergeAdapter({ model, adapter: at("adapter"), output: at("merged") });
    expect(await messageOf(merging)).toMatch(named("model\\.safetensors", Number.NaN));
    const quantizing = quantizeModel({ model, output: at("quantized"), quantization: { type: "nf4" } });
    expect(await messageOf(quantizing)).toMatch(named("model\\.safetensors", Number.NaN));
    expect(existsSync(at("merged")) || existsSync(at("quantized"))).toBe(false);
  });

  test.each(["nf4", "int8"] as const)("among the scales of a base in %s", async (type) => {
    const model = await base("chatml");
    await quantizeModel({ model, output: at("quantized"), quantization: { type, doubleQuant: false } });
    const file = at("quantized/model.safetensors");
    const scales = type === "int8" ? WEIGHT.replace("weight", "SCB") : `${WEIGHT}.absmax`;
    const { tensors } = await readSafetensorsHeader(file);
    const sources = await Promise.all(
      [...tensors.values()].map(async (entry) => {
        if (entry.name !== scales) return { ...copyOf(entry), data: await bytes(copyOf(entry)) };
        const values = (await readTensor(entry)).with(5, Number.NaN);
        return { ...entry, data: () => values };
      }),
    );
    await writeSafetensors(file, sources);
    expect(await messageOf(runOn(at("quantized")))).toContain(`the base's ${scales} is NaN at [5]`);
  });

  test("a row of an embedding of its own that no token has is let be", async () => {
    const unused: TensorSource["name"] = "model.embed_tokens.weight";
    const change = (source: TensorSource): TensorSource => ({
      ...source,
      data: async () => {
        const data = (await source.data()) as Float32Array;
        if (source.name === unused) data[3 * 64] = Number.NaN; // the rows have no token 3
        return data;
      },
    });
    expect((await runOn(await base("bos", { change }))).at(-1)).toMatchObject({ reason: "completed" });
  });
});

async function bytes(source: TensorSource) {
  const data = await source.data();
  return () => data;
}

/** LoRA on all v_proj, whose terms are `size` in all places. */
async function adapterOf(model: string, size: number): Promise<void> {
  const [D, kv] = [64, 32];
  const term = { A: new Float32Array(D).fill(1), B: new Float32Array(kv).fill(size), r: 1, in: D, out: kv };
  const modules = new Map([0, 1].map((layer) => [`model.layers.${layer}.self_attn.v_proj`, term]));
  const config: LoraConfig = { type: "lora", r: 1, alpha: 1, dropout: 0, targetModules: ["v_proj"] };
  await writeAdapterDirectory(at("adapter"), { config, baseModel: model, modules });
}

describe("l4: a merge that float16 can't hold", () => {
  const WEIGHT = "model.layers.1.self_attn.v_proj.weight";
  const large =
    (value: number) =>
    (source: TensorSource): TensorSource => ({
      ...source,
      data: async () => {
        const data = (await source.data()) as Float32Array;
        if (source.name === WEIGHT) data[70] = value;
        return data;
      },
    });

  test("names the weight, the number and the type, and nothing is kept", async () => {
    const model = await base("bos", { change: large(65_000), dtype: "F16" });
    await adapterOf(model, 600);
    const merging = mergeAdapter({ model, adapter: at("adapter"), output: at("merged") });
    const message = await messageOf(merging);
    expect(message).toContain(
      `${WEIGHT}: is 65592 at [1, 6], and float16 can't hold that: its largest number is 65504`,
    );
    expect(existsSync(at("merged"))).toBe(false);
  });

  test.each<[Dtype, number, number]>([
    ["BF16", 65_000, 600],
    ["F16", -65_000, 600],
  ])("%s holds %d and %d", async (dtype, value, size) => {
    const model = await base("bos", { change: large(value), dtype });
    await adapterOf(model, size);
    await mergeAdapter({ model, adapter: at("adapter"), output: at("merged") }).catch((error) =>
      expect((error as Error).message).not.toMatch(/can't hold/),
    );
  });
});

describe("n1: sizes that the files don't have", () => {
  test.each<[string, object, string]>([
    ["chatml", changeOf("n1"), "hidden_size: expected 64"],
    ["bos", changeOf("n1"), "hidden_size: expected 64"],
    ["gpt2", { n_embd: 1_000_000_000 }, "n_embd: expected 64"],
    ["chatml", { num_hidden_layers: 1_000_000_000 }, "num_hidden_layers: expected 2"],
    ["chatml", { vocab_size: 1_000_000_000 }, "vocab_size: expected 512"],
    ["chatml", { layer_types: ["full_attention"] }, "layer_types: expected 2 entries"],
  ])("%s %j", async (name, config, expected) => {
    const started = performance.now();
    expect(await messageOf(runOn(await base(name, { config })))).toContain(expected);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test("without weights, pretraining says how much memory they would take", async () => {
    const sized = (sizes: object) =>
      writeFileSync(
        at("bare/config.json"),
        JSON.stringify({ ...configOf("chatml"), layer_types: null, ...sizes }),
      );
    cpSync(casePath("models/chatml"), at("bare"), { recursive: true });
    writeFileSync(at("text.jsonl"), '{"text": "Some words, and a few more."}\n');
    const settings = { stage: "pretrain", data: [{ path: at("text.jsonl") }] };
    const pretraining = () => messageOf(runOn(at("bare"), settings));
    sized({ hidden_size: 2 ** 20, intermediate_size: 2 ** 31 - 1, num_attention_heads: 2 ** 16 });
    expect(await pretraining()).toMatch(
      /bare: config\.json describes a model of 13,500 trillion weights; to train them takes 216 million GB \(16 bytes a weight\), and this machine has [\d.,]+ GB/,
    );
    sized({ num_hidden_layers: 10_000, hidden_size: 2 ** 14, intermediate_size: 8 });
    expect(await pretraining()).toMatch(
      /a model of [\d.]+ trillion weights; to train them takes [\d.]+ thousand GB/,
    );
    sized({});
    expect(await pretraining()).toBe("Error: it ended well");
    sized(changeOf("n1"));
    expect(await pretraining()).toContain(
      "hidden_size: expected a number of at most 1048576, got 1000000000",
    );
  });
});
