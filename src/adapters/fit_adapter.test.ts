import { describe, expect, test } from "vitest";
import { DISK } from "../files/disk_source.ts";
import { AttuneError } from "../text/errors.ts";
import { fitAdapter } from "./fit_adapter.ts";
import type { LoraAdapter } from "./kinds/lora.ts";
import type { Sites } from "./targets/sites.ts";

describe("fitAdapter", () => {
  const weights = { A: new Float32Array(6), B: new Float32Array(10), r: 2, in: 3, out: 5 };
  const adapter = (names: string[], targetModules: string[] | string): LoraAdapter => ({
    config: { type: "lora", r: 2, alpha: 2, dropout: 0, targetModules },
    baseModel: "org/base",
    modules: new Map(names.map((name) => [name, weights])),
  });
  const sitesOf = (linears: Sites["linears"]): Sites => ({
    modelType: "llama",
    linears,
    experts: new Map(),
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

  test("weights of the base that PEFT wrote along must be its own", () => {
    const whole = adapter(["l.0.q_proj", "l.1.q_proj"], ["q_proj"]);
    const stored = (name: string, shape: number[]) =>
      new Map([
        [
          `base_model.model.${name}`,
          { name, shape, dtype: "F32", file: "x", offset: 0, byteLength: 0, source: DISK } as const,
        ],
      ]);
    const ends: Sites = { ...base, parameters: new Map([["embed_tokens.weight", [9, 3]]]) };
    expect(() => fitAdapter({ ...whole, stored: stored("embed_tokens.weight", [9, 3]) }, ends)).not.toThrow();
    expect(() => fitAdapter({ ...whole, stored: stored("l.9.norm.weight", [3]) }, ends)).toThrow(
      /l\.9\.norm\.weight: the model has no such parameter/,
    );
    expect(() => fitAdapter({ ...whole, stored: stored("embed_tokens.weight", [17, 3]) }, ends)).toThrow(
      /made for a vocabulary of 17 tokens, the model has 9\..*resize_token_embeddings\(17\).*\n.*embed_tokens\.weight: the model has \[9, 3\], the adapter \[17, 3\]/,
    );
  });

  test("modules that the config leaves to PEFT are the family's", () => {
    const { targetModules: _, ...config } = adapter([], "").config;
    const left: LoraAdapter = { ...adapter(["l.0.q_proj", "l.1.q_proj"], ""), config };
    const fitted = fitAdapter(left, base);
    expect(fitted.config.targetModules).toEqual(["q_proj", "v_proj"]);
    expect(() => fitAdapter({ ...adapter(["l.0.k_proj"], ""), config }, base)).toThrow(
      /q_proj: .* are missing/,
    );
    expect(() =>
      fitAdapter({ ...adapter(["l.0.q_proj"], ""), config }, { ...base, modelType: "phi3" }),
    ).toThrow(/target_modules is null, and PEFT has no default for phi3/);
  });

  test("another shape, both given as [out, in]", () => {
    const wider = new Map([...linears, ["l.1.q_proj", { in: 4, out: 5 }] as const]);
    const check = () => fitAdapter(adapter(["l.0.q_proj", "l.1.q_proj"], ["q_proj"]), sitesOf(wider));
    expect(check).toThrow(/l\.1\.q_proj: the model has \[5, 4\], the adapter is for \[5, 3\]/);
    expect(check).toThrow(/It was made for org\/base/);
  });
});
