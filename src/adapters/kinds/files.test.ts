/** What (IA)³'s and VeRA's files may hold, and on which bases they fit. */
import { describe, expect, test } from "vitest";
import { fitAdapter } from "../fit_adapter.ts";
import { sortAdapterTensors } from "../peft/adapter_tensors.ts";
import { formatPeftConfig, parsePeftConfig } from "../peft/peft_config.ts";
import type { Sites } from "../targets/sites.ts";
import { type Ia3Adapter, type Ia3Config, ia3 as ia3Kind, isFeedforward } from "./ia3.ts";
import { drawProjections, type VeraAdapter, type VeraConfig, vera as veraKind } from "./vera.ts";

const ia3: Ia3Config = {
  type: "ia3",
  targetModules: ["k_proj", "down_proj"],
  feedforwardModules: ["down_proj"],
};
const vera: VeraConfig = {
  type: "vera",
  r: 4,
  dropout: 0,
  targetModules: ["k_proj", "down_proj"],
  dInitial: 0.1,
  projectionPrngKey: 0,
  saveProjection: true,
};
const shaped = (shapes: Record<string, number[]>) =>
  new Map(Object.entries(shapes).map(([name, shape]) => [`base_model.${name}`, { shape }]));
const sites: Sites = {
  modelType: "llama",
  linears: new Map([
    ["l.0.k_proj", { in: 6, out: 2 }],
    ["l.0.down_proj", { in: 8, out: 6 }],
  ]),
  experts: new Map(),
  embedding: "embed_tokens",
  head: "lm_head",
  vocabSize: 9,
  hiddenSize: 6,
  tied: false,
  parameters: new Map([["l.0.k_proj.bias", [2]]]),
};

describe("(IA)³", () => {
  const vectors = { "model.l.0.k_proj.ia3_l": [2, 1], "model.l.0.down_proj.ia3_l": [1, 8] };

  test("a file's vectors have their places", () => {
    const { modules } = sortAdapterTensors(shaped(vectors), ia3, "file");
    expect([...modules.keys()]).toEqual(["l.0.k_proj", "l.0.down_proj"]);
  });

  test.each<[Record<string, number[]>, RegExp]>([
    [{ "model.l.0.k_proj.ia3_l": [1, 2] }, /k_proj\.ia3_l must be \[out, 1\], got \[1, 2\]/],
    [{ "model.l.0.down_proj.ia3_l": [8, 1] }, /down_proj\.ia3_l must be \[1, in\], got \[8, 1\]/],
    [{ "model.l.0.k_proj.ia3_l": [2] }, /must be \[out, 1\], got \[2\]/],
    [{ "model.l.0.k_proj.lora_A.weight": [2, 6] }, /lora_A\.weight: no tensor of an adapter of type IA3/],
    [{ "model.l.0.norm.scale": [6] }, /norm\.scale: no tensor/],
  ])("%o is refused", (shapes, message) => {
    expect(() => sortAdapterTensors(shaped(shapes), ia3, "file")).toThrow(message);
  });

  const adapter = (change: Partial<Ia3Adapter> = {}): Ia3Adapter => ({
    config: ia3,
    modules: new Map([
      ["l.0.k_proj", { vector: new Float32Array(2), feedforward: false }],
      ["l.0.down_proj", { vector: new Float32Array(8), feedforward: true }],
    ]),
    ...change,
  });

  test("fits a base of its widths", () => {
    expect(fitAdapter(adapter(), sites)).toEqual(adapter());
    const wide = new Map(adapter().modules).set("l.0.down_proj", {
      vector: new Float32Array(9),
      feedforward: true,
    });
    expect(() => fitAdapter(adapter({ modules: wide }), sites)).toThrow(
      /down_proj: the model has \[6, 8\], the adapter is for \[6, 9\]/,
    );
    const few = new Map([...adapter().modules].slice(0, 1));
    expect(() => fitAdapter(adapter({ modules: few }), sites)).toThrow(/down_proj: .* are missing/);
    const head = new Map(adapter().modules).set("lm_head", {
      vector: new Float32Array(9),
      feedforward: false,
    });
    expect(() => fitAdapter(adapter({ modules: head }), sites)).toThrow(/lm_head: .* no such linear layer/);
  });

  test("feedforward modules are told as PEFT tells them", () => {
    expect(isFeedforward(ia3, "l.0.down_proj")).toBe(true);
    expect(isFeedforward({ feedforwardModules: ["n_proj"] }, "l.0.down_proj")).toBe(true); // any ending
    expect(isFeedforward({ feedforwardModules: "down_proj" }, "l.0.down_proj")).toBe(false); // whole names
    expect(isFeedforward({ feedforwardModules: ".*down.*" }, "l.0.down_proj")).toBe(true);
    expect(() => ia3Kind.check({ ...ia3, feedforwardModules: ["up_proj"] }, "x")).toThrow(
      /x: feedforwardModules: each must be among targetModules; up_proj is not/,
    );
  });
});

test("all-linear is written so that feedforward modules are among the targets, as PEFT wants them", () => {
  const modules = ["l.0.up", "l.0.down", "l.1.up", "l.1.down"];
  const all = { ...ia3, targetModules: "all-linear" };
  const condensed = (feedforwardModules: string[] | string) =>
    ia3Kind.file.condensed({ ...all, feedforwardModules }, ["down", "up"], modules);
  expect(condensed(["own"])).toMatchObject({ targetModules: ["down", "up"], feedforwardModules: ["down"] });
  expect(condensed([])).toMatchObject({ targetModules: ["down", "up"], feedforwardModules: [] });
  expect(condensed(".*1.down")).toMatchObject({
    targetModules: [...modules].sort(),
    feedforwardModules: ["l.1.down"],
  });
});

describe("VeRA", () => {
  const vectors = {
    "model.l.0.k_proj.vera_lambda_d": [4],
    "model.l.0.k_proj.vera_lambda_b": [2],
    "model.l.0.down_proj.vera_lambda_d": [4],
    "model.l.0.down_proj.vera_lambda_b": [6],
  };
  const shared = { vera_A: [4, 8], vera_B: [6, 4] };

  test("a file's vectors and shared matrices have their places", () => {
    const sorted = sortAdapterTensors(shaped({ ...vectors, ...shared }), vera, "file");
    expect(sorted.modules.get("l.0.k_proj")!.parts).toEqual({ d: { shape: [4] }, b: { shape: [2] } });
    expect(Object.fromEntries(sorted.shared)).toEqual({
      "base_model.vera_A": { shape: [4, 8] },
      "base_model.vera_B": { shape: [6, 4] },
    });
  });

  test.each<[Record<string, number[]>, Partial<VeraConfig>, RegExp]>([
    [vectors, {}, /base_model\.vera_A is missing, which save_projection announces/],
    [{ ...vectors, vera_A: [4, 8] }, {}, /base_model\.vera_B is missing/],
    [{ ...vectors, ...shared }, { saveProjection: false }, /save_projection is false, and the file holds/],
    [{ ...vectors, vera_A: [3, 8], vera_B: [6, 4] }, {}, /vera_A must be \[4, in\] \(r is 4\), got \[3, 8\]/],
    [{ ...vectors, vera_A: [4, 8], vera_B: [6, 3] }, {}, /vera_B must be \[out, 4\]/],
    [{ "model.q.vera_lambda_d": [4], ...shared }, {}, /q\.vera_lambda_b is missing/],
    [{ "model.q.vera_lambda_b": [4], ...shared }, {}, /q\.vera_lambda_d is missing/],
    [
      { ...vectors, ...shared, "model.l.0.k_proj.vera_lambda_d": [5] },
      {},
      /vera_lambda_d must be \[4\], got \[5\]/,
    ],
    [
      { ...vectors, ...shared, "model.l.0.k_proj.bias": [2] },
      {},
      /bias: no tensor of an adapter of type VERA/,
    ],
  ])("%o with %o is refused", (shapes, change, message) => {
    expect(() => sortAdapterTensors(shaped(shapes), { ...vera, ...change }, "file")).toThrow(message);
  });

  const adapter = (change: Partial<VeraAdapter> = {}): VeraAdapter => ({
    config: vera,
    modules: new Map([
      ["l.0.k_proj", { d: new Float32Array(4), b: new Float32Array(2) }],
      ["l.0.down_proj", { d: new Float32Array(4), b: new Float32Array(6) }],
    ]),
    projections: drawProjections(0, { r: 4, in: 8, out: 6 }),
    ...change,
  });

  test("shared matrices must reach all layers, and are drawn where the files leave them out", () => {
    expect(fitAdapter(adapter(), sites)).toEqual(adapter());
    const small = drawProjections(0, { r: 4, in: 6, out: 6 });
    expect(() => fitAdapter(adapter({ projections: small }), sites)).toThrow(
      /vera_A and vera_B: the adapter has \[6, 6\], the model needs \[6, 8\]/,
    );
    const drawn = fitAdapter(adapter({ projections: undefined }), sites);
    expect(drawn.projections).toEqual(adapter().projections);
  });

  test.each<[Partial<VeraConfig>, RegExp]>([
    [{ layersPattern: "h" }, /has no effect without layersToTransform/],
  ])("%o is refused", (change, message) => {
    expect(() => veraKind.check({ ...vera, ...change }, "x")).toThrow(message);
  });

  test.each<[object, RegExp]>([
    [{ r: 0 }, /r: expected a number above 0, got 0/],
    [{ r: 1e9 }, /r: expected a number of at most 65536/],
    [{ vera_dropout: 1 }, /vera_dropout: expected a number below 1, got 1/],
    [{ d_initial: "x" }, /d_initial: expected a number, got "x"/],
    [{ projection_prng_key: -1 }, /projection_prng_key: expected a number of at least 0, got -1/],
  ])("%o of a file is refused", (change, message) => {
    const file = JSON.parse(formatPeftConfig(vera, ["k_proj"], "base"));
    expect(() => parsePeftConfig({ ...file, ...change }, "x")).toThrow(message);
  });

  test("settings unknown to PEFT are refused in the file, too", () => {
    const file = JSON.parse(formatPeftConfig(vera, ["k_proj"], "base"));
    expect(parsePeftConfig(file, "x")).toEqual({
      config: { ...vera, targetModules: ["k_proj"] },
      baseModel: "base",
    });
    expect(() => parsePeftConfig({ ...file, use_dora: true }, "x")).toThrow(
      /use_dora: unknown to PEFT 0\.21, got true\. If it changes nothing/,
    );
  });
});
