import { expect, test } from "vitest";
import { resolveSampling } from "./generation_config.ts";

const QWEN = { do_sample: true, temperature: 0.7, top_p: 0.8, top_k: 20, repetition_penalty: 1.05 };

test("what is left out is as generation_config.json says", () => {
  expect(resolveSampling(QWEN, {})).toEqual({
    temperature: 0.7,
    topP: 0.8,
    topK: 20,
    minP: undefined,
    repetitionPenalty: 1.05,
  });
  expect(resolveSampling(QWEN, { temperature: 0, topK: 5 })).toMatchObject({
    temperature: 0,
    topK: 5,
    topP: 0.8,
  });
});

test("without do_sample the choice is greedy, as in transformers", () => {
  expect(resolveSampling({ temperature: 0.7 }, {}).temperature).toBe(0);
  expect(resolveSampling({ do_sample: true }, {}).temperature).toBe(1);
  expect(resolveSampling({}, {}).temperature).toBe(0);
});

test("a file with other than numbers is refused by key", () => {
  expect(() => resolveSampling({ top_p: "0.9" }, {})).toThrow(/generation_config.json:.*top_p/s);
});
