import { expect, test } from "vitest";
import { initialWeights } from "./initial_weights.ts";

const config = {
  vocab_size: 6,
  hidden_size: 96,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  rope_theta: 100_000,
};
const tokens = ["<|endoftext|>", "cow", "Ġcow", "ĠCOW", "Ġtaxi", ","];
const weights = initialWeights(config, tokens, 1);
const row = (name: string, index: number) => {
  const { shape, data } = weights.get(name)!;
  return data.subarray(index * shape[1]!, (index + 1) * shape[1]!);
};
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const cosine = (a: Float32Array, b: Float32Array) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

test("every tensor of a Llama with tied embeddings, finite, from the seed alone", () => {
  expect(weights.size).toBe(2 + 2 * 9);
  expect(weights.get("model.layers.1.mlp.down_proj.weight")!.shape).toEqual([96, 128]);
  for (const [name, { shape, data }] of weights) {
    expect(data.length, name).toBe(shape.reduce((size, d) => size * d, 1));
    expect(data.every(Number.isFinite), name).toBe(true);
  }
  expect(initialWeights(config, tokens, 1)).toEqual(weights);
  expect(initialWeights(config, tokens, 2)).not.toEqual(weights);
});

test("the forms of one word start alike, words do not", () => {
  const of = (id: number) => row("model.embed_tokens.weight", id).subarray(1);
  expect(cosine(of(1), of(2))).toBeGreaterThan(0.5);
  expect(cosine(of(2), of(3))).toBeGreaterThan(0.4);
  expect(Math.abs(cosine(of(2), of(4)))).toBeLessThan(0.5);
});

test.each([0, 1])(
  "head %d of the first layer scores highest what stands that many and one tokens back",
  (head) => {
    const E = 32;
    const [q, k] = ["q", "k"].map((name) =>
      Array.from(
        { length: E },
        (_, i) => row(`model.layers.0.self_attn.${name}_proj.weight`, head * E + i)[0]!,
      ),
    ) as [number[], number[]];
    const score = (distance: number) =>
      Array.from({ length: E / 2 }, (_, pair) => {
        const angle = config.rope_theta ** ((-2 * pair) / E) * distance;
        const along = q[pair]! * k[pair]! + q[pair + E / 2]! * k[pair + E / 2]!;
        const across = q[pair]! * k[pair + E / 2]! - q[pair + E / 2]! * k[pair]!;
        return along * Math.cos(angle) + across * Math.sin(angle);
      }).reduce((sum, x) => sum + x);
    const scores = Array.from({ length: 60 }, (_, distance) => score(distance));
    expect(scores.indexOf(Math.max(...scores))).toBe(head + 1);
  },
);
