/** Answers under a generation_config.json, against those of transformers' generate under the same. */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import type { Message } from "../templates/message.ts";
import { goldenPath } from "../testing/goldens.ts";
import { type LoadedModel, loadModel } from "./load_model.ts";

interface Golden {
  model: string;
  defaultMaxNewTokens: number;
  cases: {
    settings: Record<string, unknown>;
    prompts: { messages: Message[]; output_ids: number[] }[];
  }[];
}
const golden: Golden = JSON.parse(readFileSync(goldenPath("generation/settings.json"), "utf8"));
const at = temporaryDirectory();

/** The golden's model under these settings, in generation_config.json or, where `file` says so, in config.json. */
async function load(settings: object, file = "generation_config.json"): Promise<LoadedModel> {
  cpSync(goldenPath(golden.model), at("model"), { recursive: true });
  const path = at("model", file);
  const eos = { eos_token_id: 319 };
  const others = file === "config.json" ? JSON.parse(readFileSync(path, "utf8")) : {};
  if (file === "config.json") rmSync(at("model", "generation_config.json"));
  writeFileSync(path, JSON.stringify({ ...others, ...eos, ...settings }));
  return loadModel(at("model"), { threads: 1, onWarning() {} });
}

const maxTokensOf = (settings: object) =>
  "max_length" in settings || "max_new_tokens" in settings ? undefined : golden.defaultMaxNewTokens;

/** transformers' answers hold the stop string and what of its token lies beyond it, as ours do. */
describe.each(golden.cases.map((one) => [JSON.stringify(one.settings).slice(0, 60), one] as const))(
  "%s",
  (_, { settings, prompts }) => {
    const expected = prompts.map(({ output_ids }) => output_ids);
    const options = { maxTokens: maxTokensOf(settings) };

    test("one by one, side by side and from a prompt's tokens", async () => {
      const model = await load(settings);
      for (const [i, { messages }] of prompts.entries())
        expect((await model.chat(messages, options)).ids).toEqual(expected[i]);
      const answers = await model.chatBatch(
        prompts.map(({ messages }) => messages),
        options,
      );
      expect(answers.map(({ ids }) => ids)).toEqual(expected);
      await model.release();
    });
  },
);

const answerOf = (model: LoadedModel, options = {}) =>
  model.chat(golden.cases[0]!.prompts[1]!.messages, options);

test("settings in config.json count where there is no generation_config.json", async () => {
  const model = await load({ max_new_tokens: 3 }, "config.json");
  expect((await answerOf(model)).ids).toHaveLength(3);
  await model.release();
});

test("a caller's maxTokens counts instead of the file's lengths", async () => {
  const model = await load({ max_new_tokens: 3, max_length: 4 });
  expect((await answerOf(model, { maxTokens: 5 })).ids).toHaveLength(5);
  await model.release();
});

test("a prompt as long as max_length is refused, and names it", async () => {
  const model = await load({ max_length: 4 });
  await expect(answerOf(model)).rejects.toThrow(
    /generation_config\.json: max_length: .* may have 4 tokens together/,
  );
  await model.release();
});

describe("stop strings", () => {
  test("end the text before them, whoever reads it", async () => {
    const model = await load({ stop_strings: "e", max_new_tokens: 24 });
    const { messages } = golden.cases.at(-1)!.prompts[0]!;
    const { text, ids, finishReason } = await model.chat(messages);
    expect(text).not.toContain("e");
    expect(finishReason).toBe("stop");
    const [side] = await model.chatBatch([messages]);
    expect(side).toMatchObject({ text, ids, finishReason });
    await model.release();
  });

  test("end the tokens of a prompt, and give way to a caller's", async () => {
    const model = await load({ stop_strings: ["of"], max_new_tokens: 24, min_new_tokens: 24 });
    const read = async (options = {}) => {
      const ids: number[] = [];
      for await (const id of model.generate([5, 6, 7], options)) ids.push(id);
      return ids;
    };
    const [stopped, free] = [await read(), await read({ stop: [] })];
    expect(free).toHaveLength(24);
    expect(model.tokenizer.decode(free)).toContain("of");
    expect(stopped).toEqual(free.slice(0, stopped.length));
    expect(model.tokenizer.decode(stopped.slice(0, -1))).not.toContain("of");
    expect(model.tokenizer.decode(stopped)).toContain("of");
    await model.release();
  });

  test("that are special tokens end the answer, though its text leaves them out", async () => {
    const model = await load({ stop_strings: ["<|im_start|>"], max_new_tokens: 4 });
    const forced = await load({
      stop_strings: ["<|im_start|>"],
      max_new_tokens: 4,
      sequence_bias: [[[318], 99]],
    });
    expect((await answerOf(forced)).ids).toEqual([318]);
    expect((await answerOf(model)).ids).toHaveLength(4);
    await Promise.all([model.release(), forced.release()]);
  });
});

test("max_time ends an answer with the token under way", async () => {
  const model = await load({ max_time: 0 });
  const { ids, finishReason } = await answerOf(model);
  expect({ ids: ids.length, finishReason }).toEqual({ ids: 1, finishReason: "length" });
  await model.release();
});

test("what is not followed is told once, as the model is loaded", async () => {
  cpSync(goldenPath(golden.model), at("beams"), { recursive: true });
  writeFileSync(at("beams", "generation_config.json"), JSON.stringify({ num_beams: 3 }));
  const told: string[] = [];
  const model = await loadModel(at("beams"), { threads: 1, onWarning: (text) => told.push(text) });
  await answerOf(model, { maxTokens: 2 });
  await model.release();
  expect(told).toEqual([
    expect.stringMatching(/generation_config\.json: not followed: num_beams 3 \(beam search\)$/),
  ]);
});
