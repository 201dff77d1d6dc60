import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { readLora } from "../../files/testing/read_lora.ts";
import { goldenPath, maxDifference, readGoldenMap } from "../../testing/goldens.ts";
import type { LoraAdapter, LoraWeights } from "../kinds/lora.ts";
import { scaleOf } from "../lora/lora_config.ts";
import { type CombineSettings, combineAdapters } from "./combine_adapters.ts";
import { combineValues } from "./combine_values.ts";

interface Case {
  name: string;
  weights: Record<string, number>;
  settings: CombineSettings;
  r: number;
}
const { cases } = JSON.parse(readFileSync(goldenPath("combine/golden.json"), "utf8")) as { cases: Case[] };

const adapters: Record<string, LoraAdapter> = {};
let golden: Awaited<ReturnType<typeof readGoldenMap>>;
beforeAll(async () => {
  for (const name of ["one", "two", "three"]) adapters[name] = await readLora(goldenPath(`combine/${name}`));
  golden = await readGoldenMap(goldenPath("combine/combined.safetensors"));
});

const combine = (weights: Record<string, number>, settings: CombineSettings) =>
  combineAdapters(
    Object.entries(weights).map(([name, weight]) => ({ name, adapter: adapters[name]!, weight })),
    settings,
  );

/** B·A [out, in]. */
function product({
  A,
  B,
  r,
  in: inputs,
  out,
}: Pick<LoraWeights, "r" | "in" | "out"> & { A: ArrayLike<number>; B: ArrayLike<number> }) {
  return Float64Array.from({ length: out * inputs }, (_, at) => {
    const [o, i] = [Math.floor(at / inputs), at % inputs];
    let sum = 0;
    for (let k = 0; k < r; k++) sum += B[o * r + k]! * A[k * inputs + i]!;
    return sum;
  });
}

describe.each(cases)("$name", ({ name, weights, settings, r }) => {
  test("has PEFT's tensors", () => {
    const combined = combine(weights, settings);
    expect(combined.config).toMatchObject({ r, alpha: r });
    expect([...golden.keys()].filter((key) => key.startsWith(`${name}/`))).toHaveLength(
      2 * combined.modules.size,
    );
    for (const [module, weights] of combined.modules) {
      const tensor = (part: string) => golden.get(`${name}/base_model.model.${module}.lora_${part}.weight`)!;
      const [A, B] = [tensor("A"), tensor("B")];
      expect(A.shape).toEqual([weights.r, weights.in]);
      expect(B.shape).toEqual([weights.out, weights.r]);
      const expected = { ...weights, A: A.data, B: B.data };
      expect(maxDifference(product(weights), product(expected)), module).toBeLessThan(5e-6); // float32 of PEFT: measured 1.5e-6
      if (settings.method.endsWith("svd")) continue; // whose vectors may point the other way
      expect(maxDifference(weights.A, A.data), module).toBeLessThan(5e-6);
      expect(maxDifference(weights.B, B.data), module).toBeLessThan(5e-6);
    }
  });
});

test("cat, and svd of all ranks, are exactly the weighted sum", () => {
  const weights = { one: 0.7, two: 0.5, three: -0.3 };
  for (const settings of [{ method: "cat" }, { method: "svd", rank: 11 }] as const) {
    const { modules, config } = combine(weights, settings);
    expect([...modules.keys()].filter((module) => module.includes("layers.0"))).toHaveLength(3);
    for (const [module, combined] of modules) {
      const sum = new Float64Array(combined.in * combined.out);
      for (const [name, weight] of Object.entries(weights)) {
        const { config, modules } = adapters[name]!;
        const part = modules.get(module);
        if (!part) continue;
        const factor = weight * scaleOf(config, module, part.r);
        for (const [i, value] of product(part).entries()) sum[i]! += factor * value;
      }
      expect(scaleOf(config, module, combined.r)).toBe(1);
      expect(maxDifference(product(combined), sum), `${settings.method} ${module}`).toBeLessThan(5e-6);
    }
  }
});

describe("DARE", () => {
  const values = new Float64Array(20_000).fill(1);
  const task = (weight: number, step: number) => ({
    values,
    weight,
    uniform: (index: number) => ((index * 7919 + step * 104_729) % 20_011) / 20_011,
  });

  test("keeps its density of the values, grown by as much", () => {
    const options = { prune: "random", sum: "all", density: 0.25, majoritySign: "total" } as const;
    const [kept, dropped] = [combineValues([task(3, 0)], options), combineValues([task(3, 1)], options)];
    expect(new Set(kept)).toEqual(new Set([0, 12]));
    expect(kept.filter((value) => value === 12).length / 20_000).toBeCloseTo(0.25, 2);
    expect(kept).not.toEqual(dropped);
  });

  test.each(["dare_linear", "dare_ties", "dare_linear_svd", "dare_ties_svd"] as const)(
    "%s: the seed decides, module by module and adapter by adapter",
    (method) => {
      const of = (seed: number) => combine({ one: 1, two: 1 }, { method, density: 0.5, seed });
      const module = "model.layers.0.self_attn.q_proj";
      const values = (adapter: LoraAdapter) => product(adapter.modules.get(module)!);
      expect(values(of(1))).toEqual(values(of(1)));
      expect(maxDifference(values(of(1)), values(of(2)))).toBeGreaterThan(1e-3);
    },
  );

  test("A loses half of its values, and others than B", () => {
    const { modules } = combine({ one: 1 }, { method: "cat" });
    const dare = combine({ one: 1, two: 1e-30 }, { method: "dare_linear", density: 0.5 });
    const module = "model.layers.0.mlp.down_proj";
    const [whole, pruned] = [modules.get(module)!.A, dare.modules.get(module)!.A];
    const zeros = pruned.filter((value) => value === 0).length / whole.length;
    expect(zeros).toBeGreaterThan(0.4);
    expect(zeros).toBeLessThan(0.6);
  });
});

describe("refused by name", () => {
  const failing = (weights: Record<string, number>, settings: CombineSettings) => {
    try {
      combine(weights, settings);
    } catch (error) {
      return (error as Error).message;
    }
    return "nothing was thrown";
  };
  const two = { one: 1, two: 1 };

  test("settings", () => {
    expect(failing(two, { method: "sum" as "svd" })).toMatch(/method: expected linear, cat, svd.*got sum/);
    expect(failing(two, { method: "ties" })).toMatch(/ties needs a density/);
    expect(failing(two, { method: "ties", density: 0 })).toMatch(
      /density must be above 0 and at most 1, got 0/,
    );
    expect(failing(two, { method: "ties", density: 1.5 })).toMatch(/got 1.5/);
    expect(failing(two, { method: "linear", density: 0.5 })).toMatch(/linear leaves nothing out/);
    expect(failing(two, { method: "svd", majoritySign: "total" })).toMatch(/svd elects no sign/);
    expect(failing(two, { method: "linear", rank: 2 })).toMatch(/rank goes with the methods of svd/);
    expect(failing(two, { method: "svd", rank: 0 })).toMatch(/rank must be a whole number from 1 on, got 0/);
    expect(failing(two, { method: "svd", rank: 33 })).toMatch(/rank 33 is above the matrix: .*_proj is \[/);
    expect(failing({}, { method: "cat" })).toMatch(/no adapter to combine/);
  });

  test("adapters of different ranks, where factors are added up", () => {
    for (const method of ["linear", "magnitude_prune"] as const)
      expect(failing({ one: 1, three: 1 }, { method, ...(method !== "linear" && { density: 0.5 }) })).toMatch(
        /one has 4, three 3/,
      );
  });

  test("weights that take the sum beyond float32", () => {
    expect(() => combine({ one: 1e308, two: 1e308 }, { method: "cat" })).toThrow(/beyond float32/);
  });

  test("weights that are none, adapters for another base, and what is more than LoRA", () => {
    expect(failing({ one: 0, two: Number.NaN }, { method: "cat" })).toMatch(
      /one: its weight.*got 0\n.*got NaN/,
    );
    const spoilt = (adapter: Partial<LoraAdapter>) => {
      adapters.spoilt = { ...adapters.two!, ...adapter };
      return failing({ one: 1, spoilt: 1 }, { method: "cat" });
    };
    expect(spoilt({ baseModel: "other" })).toMatch(
      /spoilt was made for other, one for goldens\/models\/llama-gqa/,
    );
    expect(spoilt({ config: { ...adapters.two!.config, useDora: true } })).toMatch(/spoilt is DoRA/);
    expect(spoilt({ parameters: new Map() })).toMatch(/spoilt has weights of its own/);
    expect(spoilt({ modules: new Map() })).toMatch(/spoilt has no low-rank terms/);
    const [module, weights] = [...adapters.two!.modules][0]!;
    expect(spoilt({ modules: new Map([[module, { ...weights, in: 16 }]]) })).toMatch(
      /q_proj is \[32, 16\] for spoilt, \[32, 32\] for one/,
    );
    const broken = { ...weights, A: weights.A.map(() => Number.NaN) };
    expect(spoilt({ modules: new Map([[module, broken]]) })).toMatch(
      /q_proj holds a value that is not a finite number/,
    );
  });
});
