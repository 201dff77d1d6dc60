import { expect, test } from "vitest";
import { readModel } from "./families.ts";
import { initializeWeights } from "./initialize.ts";

/** Biases everywhere, so that every kind of parameter is there. */
const model = readModel({
  model_type: "llama",
  vocab_size: 500,
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  attention_bias: true,
  initializer_range: 0.05,
});

test("matrices are normal with initializer_range, norms 1, biases 0", () => {
  for (const [name, { shape, data }] of initializeWeights(model, 1)) {
    if (shape.length === 1) {
      expect(new Set(data), name).toEqual(new Set([name.endsWith(".bias") ? 0 : 1]));
      continue;
    }
    const n = data.length;
    const mean = data.reduce((sum, x) => sum + x, 0) / n;
    const deviation = Math.sqrt(data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n);
    const beyond = data.filter((x) => Math.abs(x) > 2 * 0.05).length / n;
    // Five standard deviations of each figure for n independent draws.
    expect(Math.abs(mean), name).toBeLessThan((5 * 0.05) / Math.sqrt(n));
    expect(Math.abs(deviation / 0.05 - 1), name).toBeLessThan(5 / Math.sqrt(2 * n));
    expect(Math.abs(beyond - 0.0455), name).toBeLessThan(5 * Math.sqrt(0.0455 / n));
  }
});

test("each tensor is a function of seed and name", () => {
  const [a, again, other] = [1, 1, 2].map((seed) => initializeWeights(model, seed));
  expect(again).toEqual(a);
  const first = (weights: typeof a, name: string) => [...weights!.get(name)!.data.slice(0, 4)];
  const [q, k] = ["q", "k"].map((p) => `model.layers.0.self_attn.${p}_proj.weight`) as [string, string];
  expect(first(a, q)).not.toEqual(first(other, q));
  expect(first(a, q)).not.toEqual(first(a, k));
  expect(first(a, q)).not.toEqual(first(a, q.replace("layers.0", "layers.1")));
});
