import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { maxDifference } from "../testing/goldens.ts";
import { checkSampling, chooseToken, nextTokenWeights, type Sampling } from "./sample.ts";

interface Case {
  settings: {
    temperature: number;
    top_k?: number;
    top_p?: number;
    min_p?: number;
    repetition_penalty?: number;
  };
  logits: number[];
  history: number[];
  probabilities: number[];
}
const { cases } = JSON.parse(readFileSync(new URL("./goldens/sampling.json", import.meta.url), "utf8")) as {
  cases: Case[];
};

const samplingOf = ({ settings: s }: Case): Sampling => ({
  temperature: s.temperature,
  topK: s.top_k,
  topP: s.top_p,
  minP: s.min_p,
  repetitionPenalty: s.repetition_penalty,
});

function probabilities(logits: Float32Array, history: number[], sampling: Sampling): number[] {
  const weights = nextTokenWeights(logits, history, sampling);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Array.from(weights, (weight) => weight / total);
}

describe("distributions equal those of transformers' processors", () => {
  test.each(cases.map((golden) => [JSON.stringify(golden.settings), golden] as const))("%s", (_, golden) => {
    const got = probabilities(Float32Array.from(golden.logits), golden.history, samplingOf(golden));
    expect(got.map((p) => p > 0)).toEqual(golden.probabilities.map((p) => p > 0));
    expect(maxDifference(got, golden.probabilities)).toBeLessThan(1e-6); // float32's rounding of them
  });
});

test("tokens come as often as they are likely", () => {
  const logits = Float32Array.of(1, 3, 2, -50, 2.5);
  const sampling = { temperature: 1, topP: 0.9 };
  const counts = new Array<number>(5).fill(0);
  const draws = 10_000;
  for (let i = 0; i < draws; i++) counts[chooseToken(logits, [], sampling, () => (i + 0.5) / draws)]! += 1;
  const expected = probabilities(logits, [], sampling);
  expect(
    maxDifference(
      counts.map((n) => n / draws),
      expected,
    ),
  ).toBeLessThan(2 / draws);
  expect(counts[0]).toBe(0); // outside the nucleus
});

test("the very ends of the unit interval choose a token that is not ruled out", () => {
  const logits = Float32Array.of(0, 5, 0, 0);
  const sampling = { temperature: 1, topK: 1 };
  expect(chooseToken(logits, [], sampling, () => 0)).toBe(1);
  expect(chooseToken(logits, [], sampling, () => 1 - 2 ** -24)).toBe(1);
});

test("temperature 0 takes the likeliest after the penalty, the first of equals", () => {
  const logits = Float32Array.of(1, 3, 2.5, 3);
  const never = () => {
    throw new Error("greedy choice drew a random number");
  };
  expect(chooseToken(logits, [], { temperature: 0 }, never)).toBe(1);
  expect(chooseToken(logits, [1, 3], { temperature: 0, repetitionPenalty: 1.5 }, never)).toBe(2);
});

test("logits that are no numbers are an error", () => {
  const logits = new Float32Array(4).fill(Number.NaN);
  for (const temperature of [0, 1])
    expect(() => chooseToken(logits, [], { temperature }, () => 0.5)).toThrow(/not a number/);
});

test("every setting out of its range is named", () => {
  const wrong = { temperature: -1, topK: 2.5, topP: 0, minP: 2, repetitionPenalty: 0 };
  expect(() => checkSampling(wrong)).toThrow(
    /temperature .* -1; topK .* 2\.5; topP .* 0; minP .* 2; repetitionPenalty .* 0/,
  );
  expect(() => checkSampling({ temperature: 0.7, topK: 0, topP: 1, minP: 0 })).not.toThrow();
});
