import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readTensor } from "../../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../files/safetensors_file.ts";
import { outputOf, startChild } from "../../files/testing/child.ts";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { readModel } from "../../models/families.ts";
import { openModel } from "../../pretrained/open_model.ts";
import { openModelFile } from "../../runtime/node.ts";
import { openSession as openWebSession } from "../../runtime/web.ts";
import { JINJA_TEMPLATES } from "../../templates/named_templates.ts";
import { goldenPath, maxDifference, readGoldenTensors } from "../../testing/goldens.ts";
import { mergeAdapter } from "../merge.ts";
import { quantizeModel } from "../quantize_model.ts";
import { compareLogits } from "../same_logits.ts";
import { modelWithTokenizer } from "../testing/llama_cases.ts";
import { exportOnnx, type OnnxOptions } from "./export_onnx.ts";
import { openOnnxDecoder } from "./onnx_decoder.ts";
import { ONNX_TYPES, type OnnxTypeName } from "./onnx_types.ts";
import { planOnnx } from "./plan_onnx.ts";

const at = temporaryDirectory();
const golden = (name: string) => modelWithTokenizer(`gguf/models/${name}`, at());
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const exported = (model: string, options: Partial<OnnxOptions> = {}) =>
  exportOnnx({ model, output: at("out"), type: "fp32", ...options });
const refusal = (model: string, options: Partial<OnnxOptions> = {}): Promise<string> =>
  exported(model, options).then(
    () => "nothing was thrown",
    (error) => `${error.code}: ${error.message}`,
  );
/** What the exporter left behind beside the models' copies. */
const leftovers = () => readdirSync(at()).filter((name) => /out/.test(name));

const TOKENS = Array.from({ length: 12 }, (_, t) => (t * 37 + 11) % 300);

/** Logits of a written file, by ONNX Runtime in Node or on the web. */
async function logitsOf(directory: string, type: OnnxTypeName, device: "cpu" | "wasm" = "cpu") {
  const config = json(join(directory, "config.json"));
  const model = readModel(config);
  const { graph } = planOnnx(model, type);
  const path = join(directory, `onnx/model${ONNX_TYPES[type].suffix}.onnx`);
  const options = { device, foldConstants: true } as const;
  const own = { bytes: new Uint8Array(readFileSync(path)), files: new Map(), ...graph };
  const session = await (device === "cpu"
    ? openModelFile(path, graph, options)
    : openWebSession(own, options));
  const logits = await openOnnxDecoder(session, graph).next([TOKENS]);
  await session.release();
  return logits;
}

describe("files", () => {
  test("names, settings and the template as transformers.js reads them", async () => {
    const model = golden("qwen2");
    await exported(model);
    expect(readdirSync(at("out")).sort()).toEqual([
      ...["config.json", "generation_config.json", "onnx", "tokenizer.json", "tokenizer_config.json"],
    ]);
    expect(readdirSync(at("out", "onnx"))).toEqual(["model.onnx"]);
    expect(json(at("out", "config.json"))).toMatchObject({
      model_type: "qwen2",
      "transformers.js_config": { dtype: "fp32" },
    });
    expect(json(at("out", "tokenizer_config.json")).chat_template).toBe(
      readFileSync(join(model, "chat_template.jinja"), "utf8"),
    );
    expect(json(at("out", "generation_config.json")).eos_token_id).toContain(319);
    expect(json(at("out", "tokenizer.json"))).toEqual(json(join(model, "tokenizer.json")));
  });

  test("inputs and outputs by transformers.js' names and shapes", async () => {
    const { graph } = planOnnx((await openModel(golden("llama"))).model, "fp16");
    const past = { dtype: "float16", shape: ["batch_size", 2, "past_sequence_length", 16] };
    expect([...graph.inputs.keys()].sort()).toEqual([
      ...["attention_mask", "input_ids", "past_key_values.0.key", "past_key_values.0.value"],
      ...["past_key_values.1.key", "past_key_values.1.value", "position_ids"],
    ]);
    expect(graph.inputs.get("past_key_values.1.value")).toEqual(past);
    expect(graph.outputs.get("present.0.key")).toEqual({
      ...past,
      shape: past.shape.with(2, "total_sequence_length"),
    });
    expect(graph.outputs.get("logits")).toMatchObject({ dtype: "float32" });
  });

  test("another template where one is named", async () => {
    await exported(golden("qwen2"), { template: "llama2" });
    expect(json(at("out", "tokenizer_config.json")).chat_template).toContain(JINJA_TEMPLATES.llama2!.source);
  });

  test("weights of a large model lie beside it, in files that transformers.js counts", async () => {
    const model = golden("llama");
    await exported(model, { output: at("out-whole") });
    await exported(model, { type: "fp16", maxFileBytes: 60_000 });
    const files = readdirSync(at("out", "onnx")).sort();
    expect(files).toEqual([
      ...["model_fp16.onnx", "model_fp16.onnx_data", "model_fp16.onnx_data_1", "model_fp16.onnx_data_2"],
    ]);
    expect(json(at("out", "config.json"))["transformers.js_config"]).toEqual({
      dtype: "fp16",
      use_external_data_format: { "model_fp16.onnx": 3 },
    });
    const [found, whole] = [await logitsOf(at("out"), "fp16"), await logitsOf(at("out-whole"), "fp32")];
    expect(compareLogits([whole], [found]).relativeDifference).toBeLessThan(5e-3);
  });

  test("the same file, however it is made again", async () => {
    const model = golden("qwen2");
    await exported(model, { type: "q4" });
    await exported(model, { type: "q4", output: at("out2") });
    const read = (directory: string) => readFileSync(at(directory, "onnx/model_q4.onnx"));
    expect(read("out2").equals(read("out"))).toBe(true);
  });
});

describe("what is computed", () => {
  // Relative to the logits' size. Measured with random weights: 8e-4, 0.02 and 0.26; on the web the same.
  test.each([
    ["fp32", 1e-6],
    ["fp16", 3e-3],
    ["q8", 0.06],
    ["q4", 0.5],
  ] as const)("%s in Node and on the web", async (type, bound) => {
    const model = golden("qwen2");
    const { input_ids, logits } = await readGoldenTensors(join(model, "logits.safetensors"));
    await exported(model, { type });
    const { model: read } = await openModel(model);
    const { graph } = planOnnx(read, type);
    const path = at("out", `onnx/model${ONNX_TYPES[type].suffix}.onnx`);
    const options = { device: "cpu", foldConstants: true } as const;
    const session = await openModelFile(path, graph, options);
    const found = await openOnnxDecoder(session, graph).next([input_ids!.data]);
    await session.release();
    const expected = Float32Array.from(logits!.data);
    expect(compareLogits([expected], [found]).relativeDifference).toBeLessThan(bound);
    const [node, web] = [await logitsOf(at("out"), type), await logitsOf(at("out"), type, "wasm")];
    expect(compareLogits([node], [web]).relativeDifference).toBeLessThan(bound);
  });

  test("GPT-2's matrices are turned, and experts are chosen as before", async () => {
    for (const name of ["gpt2", "mixtral"]) {
      const { relativeDifference } = await exported(golden(name), { type: "q8", output: at(`out-${name}`) });
      expect(relativeDifference).toBeLessThan(0.15);
    }
  });

  test("experts in one tensor stay float32, which is said", async () => {
    const warnings: string[] = [];
    const onWarning = (text: string) => warnings.push(text);
    await exported(golden("granitemoe"), { type: "q4", onWarning });
    expect(warnings.join()).toMatch(/experts are one tensor, and stay float32 in q4: 98 KB of them/);
  });

  test("base and adapter are what the merged model is", async () => {
    const [model, adapter] = [golden("llama"), goldenPath("gguf/adapters/llama-rslora-patterns")];
    await mergeAdapter({ model, adapter, output: at("merged", "llama") });
    await exported(at("merged", "llama"), { output: at("out-merged") });
    await exported(model, { adapter });
    await exported(model, { output: at("out-base") });
    const merged = await logitsOf(at("out-merged"), "fp32");
    expect(maxDifference(await logitsOf(at("out"), "fp32"), merged)).toBeLessThan(1e-5);
    expect(maxDifference(await logitsOf(at("out-base"), "fp32"), merged)).toBeGreaterThan(0.1);
  });

  test("an adapter that makes tied ends differ", async () => {
    const adapter = goldenPath("adapters/qwen2-lora-ends/final");
    await exported(goldenPath("models/qwen2-tied"), { adapter });
    expect(json(at("out", "config.json")).tie_word_embeddings).toBe(false);
  });

  test.each(["nf4", "int8"] as const)(
    "a base quantized to %s becomes what its codes stand for",
    async (type) => {
      await quantizeModel({ model: golden("llama"), output: at("quantized"), quantization: { type } });
      const { relativeDifference } = await exported(at("quantized"));
      expect(relativeDifference).toBeLessThan(2e-5);
      expect(json(at("out", "config.json")).quantization_config).toBeUndefined();
    },
  );
});

describe("bad input is named, and nothing stays", () => {
  test("rows that aren't whole blocks", async () => {
    expect(await refusal(goldenPath("models/llama-bf16"), { type: "q8" })).toMatch(
      /^export\.uneven-blocks: --type: q8 keeps blocks of 32 numbers .*Take --type fp16 or fp32\.\n {2}model\.embed_tokens\.weight: rows of 48/,
    );
    expect(leftovers()).toEqual([]);
  });

  test("an output that exists", async () => {
    const model = golden("qwen2");
    await exported(model);
    const before = readFileSync(at("out", "config.json"), "utf8");
    expect(await refusal(model, { type: "q8" })).toMatch(/^files\.directory-taken: .*already exists/);
    expect(readFileSync(at("out", "config.json"), "utf8")).toBe(before);
    expect(readdirSync(at("out", "onnx"))).toEqual(["model.onnx"]);
  });

  test("a full disk in the middle", async () => {
    const [model, output] = [golden("qwen2"), at("out")];
    const source = `
      import { exportOnnx } from "attune";
      await exportOnnx(${JSON.stringify({ model, output, type: "fp32" })}).then(
        () => console.log("written"), (error) => console.log(error.code, error.message));`;
    expect(await outputOf(startChild(at(), source, 64))).toMatch(
      /^files\.cannot-write Cannot write .*out.*: the file would be larger than .*\(EFBIG\)/,
    );
    expect(leftovers()).toEqual([]);
  });

  test.each([
    ["NaN", Number.NaN, "q4", /^export\.not-finite: .*up_proj\.weight: is NaN at \[3, 5\]/],
    ["a number beyond float16", 1e6, "fp16", /^export\.beyond-type: .*is 1000000 .*Take --type fp32/],
  ] as const)("%s in a weight", async (_, value, type, expected) => {
    const model = golden("qwen2");
    const { tensors } = await readSafetensorsHeader(join(model, "model.safetensors"));
    const name = "model.layers.1.mlp.up_proj.weight";
    const data = await readTensor(tensors.get(name)!);
    data[3 * 32 + 5] = value;
    const others = await Promise.all(
      [...tensors.values()].map(async (entry) => ({
        ...{ name: entry.name, dtype: "F32" as const, shape: entry.shape },
        data: await readTensor(entry).then((values) => () => (entry.name === name ? data : values)),
      })),
    );
    await writeSafetensors(join(model, "model.safetensors"), others);
    expect(await refusal(model, { type })).toMatch(expected);
    expect(leftovers()).toEqual([]);
  });
});
