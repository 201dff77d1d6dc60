import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { readGenerationSettings } from "./generation_config.ts";
import { resolveSampling } from "./resolve_sampling.ts";
import type { Sampling } from "./sample.ts";

const settingsOf = (
  generationConfig: Record<string, unknown> | undefined,
  config: Record<string, unknown> = {},
) => readGenerationSettings({ path: "m", config, generationConfig }, 500);
const resolve = (file: Record<string, unknown>, wanted: Partial<Sampling> = {}) =>
  resolveSampling(settingsOf(file), wanted);

describe("sampling", () => {
  const QWEN = { do_sample: true, temperature: 0.7, top_p: 0.8, top_k: 20, repetition_penalty: 1.05 };

  test("what is left out is as generation_config.json says", () => {
    const file = { temperature: 0.7, topP: 0.8, topK: 20, repetitionPenalty: 1.05 };
    expect(resolve(QWEN)).toMatchObject(file);
    expect(resolve(QWEN, { temperature: 0, topK: 5 })).toMatchObject({ ...file, temperature: 0, topK: 5 });
  });

  test("without do_sample the choice is greedy, as in transformers", () => {
    for (const file of [{ temperature: 0.7 }, { do_sample: false, temperature: 0, top_k: -1 }, {}])
      expect(resolve(file).temperature).toBe(0);
    expect(resolve({ do_sample: true }).temperature).toBe(1);
  });

  test("of all tokens the 50 likeliest count where nothing is said, as in transformers", () => {
    expect(resolve({ do_sample: true }).topK).toBe(50);
    expect(resolve({ do_sample: true, top_k: null }, { temperature: 2 }).topK).toBe(50);
    expect(resolve({}, { temperature: 0.5 }).topK).toBe(50);
    expect(resolve({ do_sample: true, top_k: 0 }).topK).toBe(0);
    expect(resolve({ do_sample: true, top_k: 7 }, { topK: 0 }).topK).toBe(0);
  });

  test.each([
    ["temperature", -0.5],
    ["top_k", -1],
    ["top_k", 2.5],
    ["top_p", -0.1],
    ["min_p", 1.1],
    ["top_h", 0],
    ["typical_p", 0],
    ["repetition_penalty", 0],
  ])("%s of %d names the file and the key, once it counts", (key, value) => {
    const message = new RegExp(`m/generation_config.json: ${key}: expected a .*, got ${value}\\. Correct it`);
    expect(() => resolve({ do_sample: true, [key]: value })).toThrow(message);
    if (key !== "repetition_penalty") expect(() => resolve({ [key]: value })).not.toThrow();
  });

  test("a caller's own setting counts instead of a file's that is out of range, and is named itself when it is", () => {
    expect(resolve({ do_sample: true, top_p: -1 }, { topP: 0.5 }).topP).toBe(0.5);
    expect(() => resolve({}, { temperature: -1, topK: 2.5, minP: 2 })).toThrow(
      /temperature: .* got -1\n {2}topK: .* got 2\.5\n {2}minP: .* got 2/,
    );
  });

  test("values that transformers takes for another are taken so, and named", () => {
    expect(resolve({ do_sample: true, top_p: 0 }).topP).toBe(0);
    expect(resolve({ do_sample: true, top_p: 1.5 }).topP).toBe(1);
    expect(resolve({ do_sample: true, epsilon_cutoff: 3, eta_cutoff: -1 })).toMatchObject({
      epsilonCutoff: undefined,
      etaCutoff: undefined,
    });
    expect(settingsOf({ do_sample: true, top_p: 1.5 }).notes).toEqual([
      "top_p is 1.5, above 1: all tokens count",
    ]);
    expect(settingsOf({ do_sample: true, temperature: 0 }).notes).toEqual([
      "temperature is 0 beside do_sample: the likeliest token is taken",
    ]);
  });
});

describe("values that are none", () => {
  test.each([
    ["top_p", "0.9", "a number"],
    ["do_sample", "yes", "true or false"],
    ["max_new_tokens", 0, "a whole number of at least 1"],
    ["no_repeat_ngram_size", 1.5, "a whole number"],
    ["suppress_tokens", "all", "a list of token ids"],
    ["bad_words_ids", [3], "a list of lists of token ids below the vocabulary's size, 500"],
    ["bad_words_ids", [[500]], "a list of lists of token ids below the vocabulary's size, 500"],
    ["sequence_bias", { "(1, 2)": 3 }, "a list of \\[\\[token ids\\], bias\\]"],
    ["forced_eos_token_id", -1, "a token id or a list"],
    ["stop_strings", [1], "a text or a list of texts"],
    ["exponential_decay_length_penalty", 1.5, "\\[the number"],
  ])("%s: %j", (key, value, expected) => {
    const message = new RegExp(`^m/generation_config.json: ${key}: expected ${expected}`);
    expect(() => settingsOf({ [key]: value })).toThrow(message);
  });

  test("all are named at once", () => {
    const read = () => settingsOf({ top_k: "5", max_new_tokens: -3 });
    expect(read).toThrow(AttuneError);
    expect(read).toThrow(/generation_config.json: these .*\n {2}top_k: .*\n {2}max_new_tokens/);
  });

  test("a token that is forced and suppressed", () => {
    const read = (forced: object) => () => settingsOf({ suppress_tokens: [3, 4], ...forced });
    expect(read({ forced_eos_token_id: [3, 4] })).toThrow(
      /forced_eos_token_id: forces a token that suppress_tokens/,
    );
    expect(read({ forced_bos_token_id: 3 })).toThrow(/forced_bos_token_id: forces/);
    expect(read({ forced_eos_token_id: [3, 5] })).not.toThrow();
  });

  test("null says nothing", () => {
    const nothing = { do_sample: null, suppress_tokens: null, max_length: null, stop_strings: null };
    expect(settingsOf(nothing)).toMatchObject({ doSample: false, stopStrings: [], notes: [] });
  });
});

describe("notes", () => {
  test("name what transformers would do and this doesn't", () => {
    expect(settingsOf({ num_beams: 4, guidance_scale: 1.5, length_penalty: 2 }).notes).toEqual([
      "not followed: num_beams 4 (beam search), guidance_scale 1.5 (classifier-free guidance)",
    ]);
    expect(settingsOf({ num_beams: 1, guidance_scale: 1, penalty_alpha: 0, use_cache: false }).notes).toEqual(
      [],
    );
  });

  test("name what nobody knows", () => {
    expect(settingsOf({ presence_penalty: 1, constructor: 2, _from_model_config: true }).notes).toEqual([
      "unknown to transformers, and without effect: presence_penalty, constructor",
    ]);
  });

  test("name settings of sampling that do_sample: false puts aside, as transformers does", () => {
    expect(settingsOf({ do_sample: false, temperature: 0.6, top_p: 1 }).notes).toEqual([
      "do_sample is false, so temperature does nothing",
    ]);
    expect(settingsOf({ temperature: 0.6, top_p: 0.9 }).notes).toEqual([]);
  });
});

describe("settings in config.json", () => {
  const config = {
    model_type: "gpt2",
    do_sample: true,
    top_k: 9,
    max_length: 30,
    eos_token_id: 4,
    n_head: 2,
  };

  test("count where there is no generation_config.json, as in transformers", () => {
    const settings = settingsOf(undefined, config);
    expect(settings).toMatchObject({ file: "m/config.json", doSample: true, maxLength: 30, notes: [] });
    expect(settings.eosIds).toEqual(new Set([4]));
    expect(resolveSampling(settings, {}).topK).toBe(9);
    expect(settingsOf({}, config)).toMatchObject({ doSample: false, maxLength: undefined });
  });

  test("count in the text model's part, too, after those outside", () => {
    const text_config = { max_length: 12, min_length: 3, hidden_size: 8 };
    expect(settingsOf(undefined, { max_length: 30, min_length: null, text_config })).toMatchObject({
      maxLength: 30,
      rules: { minLength: 3 },
    });
  });

  test("are named with that file when they are wrong", () => {
    expect(() => settingsOf(undefined, { max_length: "20" })).toThrow(
      /^m\/config.json: max_length: expected/,
    );
  });
});
