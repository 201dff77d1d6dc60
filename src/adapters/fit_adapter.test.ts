import { describe, expect, test } from "vitest";
import { AttuneError } from "../errors.ts";
import type { LoraAdapter } from "./adapter.ts";
import { fileNames, sortAdapterTensors } from "./adapter_tensors.ts";
import { fitAdapter } from "./fit_adapter.ts";
import type { LoraConfig } from "./lora_config.ts";
import type { Sites } from "./sites.ts";

const shaped = (shapes: Record<string, number[]>) =>
  new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }]));
const A = "base_model.model.m.q_proj.lora_A.weight";
const B = "base_model.model.m.q_proj.lora_B.weight";

const config = (more: Partial<LoraConfig> = {}): LoraConfig => ({
  type: "lora",
  r: 2,
  alpha: 2,
  dropout: 0,
  targetModules: ["q_proj"],
  ...more,
});
const sort = (shapes: Record<string, number[]>, more?: Partial<LoraConfig>) =>
  sortAdapterTensors(shaped(shapes), config(more), "adapter_model.safetensors");

describe("sortAdapterTensors", () => {
  test("pairs A [r, in] with B [out, r]", () => {
    const { modules } = sort({ [B]: [5, 2], [A]: [2, 3] });
    expect([...modules]).toEqual([["m.q_proj", { parts: { A: { shape: [2, 3] }, B: { shape: [5, 2] } } }]]);
    expect(fileNames.term("m.q_proj.lora_A.weight")).toBe(A);
  });

  test("everything an adapter can hold has its place", () => {
    const at = (name: string) => `base_model.model.${name}`;
    const sorted = sort(
      {
        [A]: [3, 3],
        [B]: [5, 3],
        [at("m.q_proj.lora_magnitude_vector")]: [5],
        [at("m.q_proj.base_layer.bias")]: [5],
        [at("m.norm.bias")]: [3],
        [at("m.norm.weight")]: [3],
        [at("m.embed_tokens.lora_embedding_A")]: [2, 9],
        [at("m.embed_tokens.lora_embedding_B")]: [3, 2],
        [at("m.embed_tokens.lora_magnitude_vector")]: [3],
        [at("m.embed_tokens.base_layer.weight")]: [9, 3],
        [at("lm_head.token_adapter.trainable_tokens_delta")]: [1, 3],
      },
      {
        useDora: true,
        bias: "all",
        modulesToSave: ["norm"],
        rankPattern: { q_proj: 3 },
        trainableTokenIndices: { lm_head: [4] },
      },
    );
    expect([...sorted.modules.keys()]).toEqual(["m.q_proj", "m.embed_tokens"]);
    expect(sorted.modules.get("m.embed_tokens")).toMatchObject({
      parts: { A: { shape: [2, 9] }, B: { shape: [3, 2] } },
      embedding: true,
    });
    expect([...sorted.parameters.keys()]).toEqual(["m.q_proj.bias", "m.norm.bias", "m.norm.weight"]);
    expect([...sorted.stored.keys()]).toEqual(["m.embed_tokens.weight"]);
    expect([...sorted.rows.keys()]).toEqual(["lm_head"]);
  });

  test("what the settings say must be there", () => {
    const pair = { [A]: [2, 3], [B]: [5, 2] };
    expect(() => sort(pair, { useDora: true })).toThrow(/lora_magnitude_vector is missing/);
    const wrong = { ...pair, "base_model.model.m.q_proj.lora_magnitude_vector": [1, 5] };
    expect(() => sort(wrong, { useDora: true })).toThrow(/lora_magnitude_vector must be \[5\], got \[1, 5\]/);
    expect(() => sort(pair, { rankPattern: { q_proj: 4 } })).toThrow(/must be \[4, in\] \(r is 4\)/);
    expect(() => sort({ ...pair, "base_model.model.m.norm.weight": [3] })).toThrow(
      /norm\.weight is no tensor/,
    );
  });

  test.each<[string, Record<string, number[]>, RegExp]>([
    ["half a pair", { [A]: [2, 3] }, /q_proj\.lora_B\.weight is missing/],
    ["the other half", { [B]: [5, 2] }, /q_proj\.lora_A\.weight is missing/],
    [
      "another rank",
      { [A]: [4, 3], [B]: [5, 4] },
      /lora_A\.weight must be \[2, in\] \(r is 2\), got \[4, 3\]/,
    ],
    [
      "B transposed",
      { [A]: [2, 3], [B]: [2, 5] },
      /lora_B\.weight must be \[out, 2\] \(r is 2\), got \[2, 5\]/,
    ],
    ["a convolution", { [A]: [2, 3, 1, 1], [B]: [5, 2, 1, 1] }, /got \[2, 3, 1, 1\]/],
    [
      "DoRA's magnitude",
      { [A]: [2, 3], [B]: [5, 2], "base_model.model.m.q_proj.lora_magnitude_vector": [5] },
      /lora_magnitude_vector is no tensor of this kind/,
    ],
    ["half an embedding's", { "base_model.model.e.lora_embedding_A": [2, 9] }, /lora_embedding_B is missing/],
    [
      "a base weight",
      { [A]: [2, 3], [B]: [5, 2], "base_model.model.lm_head.base_layer.weight": [9, 3] },
      /base_layer\.weight is no/,
    ],
    [
      "an adapter's name in the key",
      { "base_model.model.m.q_proj.lora_A.default.weight": [2, 3] },
      /default\.weight is no/,
    ],
    ["no prefix", { "m.q_proj.lora_A.weight": [2, 3] }, /m\.q_proj\.lora_A\.weight is no/],
    ["nothing", {}, /holds no tensors/],
  ])("%s", (_, shapes, message) => {
    const pair = () => sort(shapes);
    expect(pair).toThrow(AttuneError);
    expect(pair).toThrow(message);
    expect(pair).toThrow(/^adapter_model\.safetensors: /);
  });

  test("all faults are named, the first ten in full", () => {
    const many = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`foreign ${i}`, [1]]));
    expect(() => sort(many)).toThrow(/foreign 0 [\s\S]*foreign 9 [\s\S]*and 3 more/);
  });
});

describe("fitAdapter", () => {
  const weights = { A: new Float32Array(6), B: new Float32Array(10), r: 2, in: 3, out: 5 };
  const adapter = (names: string[], targetModules: string[] | string): LoraAdapter => ({
    config: { type: "lora", r: 2, alpha: 2, dropout: 0, targetModules },
    baseModel: "org/base",
    modules: new Map(names.map((name) => [name, weights])),
  });
  const sitesOf = (linears: Sites["linears"]): Sites => ({
    linears,
    embedding: "embed_tokens",
    head: "lm_head",
    vocabSize: 9,
    hiddenSize: 3,
    tied: false,
    parameters: new Map([
      ["l.0.norm.weight", [3]],
      ["l.0.q_proj.bias", [5]],
    ]),
  });
  const linears = new Map(
    ["l.0.q_proj", "l.1.q_proj", "l.0.k_proj"].map((name) => [name, { in: 3, out: 5 }]),
  );
  const base = sitesOf(linears);

  test.each<[string[], string[] | string]>([
    [["l.0.q_proj", "l.1.q_proj"], ["q_proj"]],
    [
      ["l.0.q_proj", "l.1.q_proj"],
      ["q_proj", "Wqkv"],
    ], // PEFT allows targets that this base lacks
    [["l.0.q_proj", "l.0.k_proj"], String.raw`l\.0\..*`],
    [["l.0.q_proj", "l.1.q_proj", "l.0.k_proj"], "all-linear"],
  ])("%j for %j fits", (names, targetModules) => {
    expect(() => fitAdapter(adapter(names, targetModules), base)).not.toThrow();
  });

  test.each<[string, LoraAdapter, RegExp]>([
    [
      "a module the base lacks",
      adapter(["l.0.q_proj", "l.1.q_proj", "l.2.q_proj"], ["q_proj"]),
      /l\.2\.q_proj: the model has no such linear layer\s+It was made for org\/base|l\.2\.q_proj: the model has no such/,
    ],
    [
      "a layer without tensors",
      adapter(["l.0.q_proj"], ["q_proj"]),
      /l\.1\.q_proj: the adapter's tensors are missing/,
    ],
    [
      "tensors that its targets leave out",
      adapter(["l.0.q_proj", "l.1.q_proj", "l.0.k_proj"], ["q_proj"]),
      /l\.0\.k_proj: .* target_modules leave it out/,
    ],
  ])("%s", (_, wrong, message) => {
    expect(() => fitAdapter(wrong, base)).toThrow(AttuneError);
    expect(() => fitAdapter(wrong, base)).toThrow(message);
  });

  test("parameters and rows are as the settings say", () => {
    const whole = adapter(["l.0.q_proj", "l.1.q_proj"], ["q_proj"]);
    const saving = { ...whole, config: { ...whole.config, modulesToSave: ["norm"] } };
    expect(() => fitAdapter(saving, base)).toThrow(/l\.0\.norm\.weight: .* its files lack it/);
    const norm = (shape: number[]) =>
      new Map([["l.0.norm.weight", { shape, data: new Float32Array(shape[0]!) }]]);
    expect(() => fitAdapter({ ...saving, parameters: norm([3]) }, base)).not.toThrow();
    expect(() => fitAdapter({ ...saving, parameters: norm([4]) }, base)).toThrow(/the model has \[3\]/);
    expect(() => fitAdapter({ ...whole, parameters: norm([3]) }, base)).toThrow(/settings leave it out/);
    const rows = { ...whole, config: { ...whole.config, trainableTokenIndices: [1, 2] } };
    expect(() => fitAdapter(rows, base)).toThrow(/embed_tokens: the adapter's rows are missing/);
    const tokens = (width: number) =>
      new Map([["embed_tokens", { indices: [1, 2], data: new Float32Array(2 * width) }]]);
    expect(() => fitAdapter({ ...rows, tokens: tokens(3) }, base)).not.toThrow();
    expect(() => fitAdapter({ ...rows, tokens: tokens(4) }, base)).toThrow(/rows are 4 wide/);
  });

  test("another shape, both given as [out, in]", () => {
    const wider = new Map([...linears, ["l.1.q_proj", { in: 4, out: 5 }] as const]);
    const check = () => fitAdapter(adapter(["l.0.q_proj", "l.1.q_proj"], ["q_proj"]), sitesOf(wider));
    expect(check).toThrow(/l\.1\.q_proj: the model has \[5, 4\], the adapter is for \[5, 3\]/);
    expect(check).toThrow(/It was made for org\/base/);
  });
});
