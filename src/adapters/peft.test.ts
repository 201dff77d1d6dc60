import { describe, expect, test } from "vitest";
import { AttuneError } from "../errors.ts";
import { type Adapter, checkAdapterFits, loraTensorName, pairLoraTensors } from "./peft.ts";

const shaped = (shapes: Record<string, number[]>) =>
  new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }]));
const A = "base_model.model.m.q_proj.lora_A.weight";
const B = "base_model.model.m.q_proj.lora_B.weight";

describe("pairLoraTensors", () => {
  test("pairs A [r, in] with B [out, r]", () => {
    const pairs = pairLoraTensors(shaped({ [B]: [5, 2], [A]: [2, 3] }), 2, "x");
    expect([...pairs]).toEqual([["m.q_proj", { A: { shape: [2, 3] }, B: { shape: [5, 2] }, in: 3, out: 5 }]]);
    expect(loraTensorName("m.q_proj", "A")).toBe(A);
    expect(loraTensorName("m.q_proj", "B")).toBe(B);
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
      /lora_magnitude_vector is no tensor of a plain/,
    ],
    ["an embedding", { "base_model.model.e.lora_embedding_A": [2, 9] }, /lora_embedding_A is no tensor/],
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
    const pair = () => pairLoraTensors(shaped(shapes), 2, "adapter_model.safetensors");
    expect(pair).toThrow(AttuneError);
    expect(pair).toThrow(message);
    expect(pair).toThrow(/^adapter_model\.safetensors: /);
  });

  test("all faults are named, the first ten in full", () => {
    const many = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`foreign ${i}`, [1]]));
    expect(() => pairLoraTensors(shaped(many), 2, "x")).toThrow(
      /foreign 0 [\s\S]*foreign 9 [\s\S]*and 3 more/,
    );
  });
});

describe("checkAdapterFits", () => {
  const weights = { A: new Float32Array(6), B: new Float32Array(10), r: 2, in: 3, out: 5 };
  const adapter = (names: string[], targetModules: string[] | string): Adapter => ({
    config: { type: "lora", r: 2, alpha: 2, dropout: 0, targetModules },
    baseModel: "org/base",
    modules: new Map(names.map((name) => [name, weights])),
  });
  const base = new Map(["l.0.q_proj", "l.1.q_proj", "l.0.k_proj"].map((name) => [name, { in: 3, out: 5 }]));

  test.each<[string[], string[] | string]>([
    [["l.0.q_proj", "l.1.q_proj"], ["q_proj"]],
    [
      ["l.0.q_proj", "l.1.q_proj"],
      ["q_proj", "Wqkv"],
    ], // PEFT allows targets that this base lacks
    [["l.0.q_proj", "l.0.k_proj"], String.raw`l\.0\..*`],
    [["l.0.q_proj", "l.1.q_proj", "l.0.k_proj"], "all-linear"],
  ])("%j for %j fits", (names, targetModules) => {
    expect(() => checkAdapterFits(adapter(names, targetModules), base)).not.toThrow();
  });

  test.each<[string, Adapter, RegExp]>([
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
    expect(() => checkAdapterFits(wrong, base)).toThrow(AttuneError);
    expect(() => checkAdapterFits(wrong, base)).toThrow(message);
  });

  test("another shape, both given as [out, in]", () => {
    const wider = new Map([...base, ["l.1.q_proj", { in: 4, out: 5 }] as const]);
    const check = () => checkAdapterFits(adapter(["l.0.q_proj", "l.1.q_proj"], ["q_proj"]), wider);
    expect(check).toThrow(/l\.1\.q_proj: the model has \[5, 4\], the adapter is for \[5, 3\]/);
    expect(check).toThrow(/It was made for org\/base/);
  });
});
