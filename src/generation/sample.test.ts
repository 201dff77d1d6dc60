import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { maxDifference } from "../testing/goldens.ts";
import { readGenerationSettings } from "./generation_config.ts";
import { chooseToken, likeliest, nextTokenWeights } from "./sample.ts";
import { type AnswerPlace, applyRules, tokenRules } from "./token_rules.ts";

interface Case {
  settings: Record<string, unknown> & { temperature: number; max_length?: number };
  promptLength: number;
  logits: number[];
  history: number[];
  probabilities: number[];
}
const goldens = JSON.parse(readFileSync(new URL("./goldens/sampling.json", import.meta.url), "utf8")) as {
  cases: Case[];
  rules: Case[];
};
const named = (cases: Case[]) => cases.map((golden) => [JSON.stringify(golden.settings), golden] as const);
const settingsOf = ({ settings, logits }: Case) => {
  const generationConfig = { ...settings, eos_token_id: [7, 9] };
  return readGenerationSettings({ path: "m", config: {}, generationConfig }, logits.length);
};

/** Scores as transformers' processors leave them, the rules that `settings` ask for. */
function ruled(golden: Case): Float32Array {
  const { rules, eosIds } = settingsOf(golden);
  const { history, promptLength, settings } = golden;
  const maxNewTokens = (settings.max_length ?? 99) - promptLength;
  const at: AnswerPlace = { tokens: history, promptLength, maxNewTokens };
  return applyRules(Float32Array.from(golden.logits), tokenRules(rules, { stopIds: eosIds, eosIds }), at);
}

function shares(weights: Float64Array): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Array.from(weights, (weight) => weight / total);
}

function expectGolden(got: number[], { probabilities }: Case): void {
  expect(got.map((p) => p > 0)).toEqual(probabilities.map((p) => p > 0));
  expect(maxDifference(got, probabilities)).toBeLessThan(1e-6); // float32's rounding of them
}

describe("distributions equal those of transformers' processors", () => {
  test.each(named(goldens.cases))("%s", (_, golden) => {
    const { sampling } = settingsOf(golden);
    const { temperature } = golden.settings;
    expectGolden(shares(nextTokenWeights(ruled(golden), { ...sampling, temperature })), golden);
  });

  test.each(named(goldens.rules))("%s", (_, golden) => {
    expectGolden(shares(nextTokenWeights(ruled(golden), { temperature: 1 })), golden);
  });
});

test("tokens come as often as they are likely", () => {
  const logits = Float32Array.of(1, 3, 2, -50, 2.5);
  const sampling = { temperature: 1, topP: 0.9 };
  const counts = new Array<number>(5).fill(0);
  const draws = 10_000;
  for (let i = 0; i < draws; i++) counts[chooseToken(logits, sampling, () => (i + 0.5) / draws)]! += 1;
  const expected = shares(nextTokenWeights(logits, sampling));
  const drawn = counts.map((n) => n / draws);
  expect(maxDifference(drawn, expected)).toBeLessThan(2 / draws);
  expect(counts[0]).toBe(0); // outside the nucleus
});

test("the very ends of the unit interval choose a token that is not ruled out", () => {
  const logits = Float32Array.of(0, 5, 0, 0);
  const sampling = { temperature: 1, topK: 1 };
  expect(chooseToken(logits, sampling, () => 0)).toBe(1);
  expect(chooseToken(logits, sampling, () => 1 - 2 ** -24)).toBe(1);
});

test("temperature 0 takes the likeliest, the first of equals", () => {
  const never = () => {
    throw new Error("greedy choice drew a random number");
  };
  expect(chooseToken(Float32Array.of(1, 3, 2.5, 3), { temperature: 0 }, never)).toBe(1);
});

describe("scores that leave nothing to choose are an error", () => {
  test.each([
    ["no numbers at all", Float32Array.of(Number.NaN, Number.NaN)],
    ["one that is none", Float32Array.of(1, Number.NaN, 2)],
    ["one beyond all numbers", Float32Array.of(1, Infinity, 2)],
  ])("%s", (_, scores) => {
    for (const temperature of [0, 1])
      expect(() => chooseToken(scores, { temperature }, () => 0.5)).toThrow(/not a number/);
  });

  test("every token ruled out", () => {
    expect(() => likeliest(Float32Array.of(-Infinity, -Infinity))).toThrow(/no token is left/);
  });
});

test("an end that min_new_tokens rules out stays so when the end becomes likelier", () => {
  const rules = { minNewTokens: 5, exponentialDecayLengthPenalty: [0, 2] } as const;
  const ends = new Set([1]);
  const at = { tokens: [3, 4, 5], promptLength: 1, maxNewTokens: 9 };
  const scores = applyRules(Float32Array.of(0, 2), tokenRules(rules, { stopIds: ends, eosIds: ends }), at);
  expect([...scores]).toEqual([0, -Infinity]);
});
