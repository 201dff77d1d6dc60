import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import type { LoraAdapter } from "./adapter.ts";
import { fitAdapter } from "./fit_adapter.ts";
import type { Sites } from "./targets/sites.ts";

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
