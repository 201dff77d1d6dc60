import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { tunedCopy } from "../files/testing/tuned_copy.ts";
import type { Message } from "../templates/message.ts";
import { alpacaTemplate } from "../templates/template.ts";
import { goldenPath, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { type LoadedModel, loadModel } from "./load_model.ts";

interface Golden {
  model: string;
  adapter: string | null;
  maxNewTokens: number;
  prompts: {
    messages: Message[];
    input_ids: number[];
    output_ids: number[];
    text: string;
    finishReason: string;
  }[];
}

const readGolden = (name: string): Golden =>
  JSON.parse(readFileSync(goldenPath(`generation/${name}.json`), "utf8"));
const LORA = goldenPath("training/llama-gqa-lora-all/final");
const at = temporaryDirectory();
const GREEDY = { temperature: 0, maxTokens: 24 };

describe.each(["llama-gqa", "qwen2-tied", "mistral-window", "llama-gqa-lora-all"])("%s", (name) => {
  const golden = readGolden(name);
  const conversations = golden.prompts.map(({ messages }) => messages);
  let model: LoadedModel;
  beforeAll(async () => {
    const adapters = golden.adapter === null ? undefined : goldenPath(golden.adapter);
    model = await loadModel(goldenPath(golden.model), { adapters, threads: 1 });
  });
  afterAll(() => model.release());

  test("greedy answers equal transformers' token for token, and so does their text, streamed", async () => {
    for (const { messages, input_ids, output_ids, text, finishReason } of golden.prompts) {
      const pieces: string[] = [];
      const answer = await model.chat(messages, { ...GREEDY, onText: (piece) => pieces.push(piece) });
      expect(answer).toEqual({ ids: output_ids, text, finishReason, promptTokens: input_ids.length });
      expect(pieces.join("")).toBe(text);
    }
  });

  test("side by side the answers are the same", async () => {
    const answers = await model.chatBatch([...conversations, ...conversations.toReversed()], GREEDY);
    const ids = golden.prompts.map(({ output_ids }) => output_ids);
    expect(answers.map((answer) => answer.ids)).toEqual([...ids, ...ids.toReversed()]);
    expect(answers[0]!.text).toBe(golden.prompts[0]!.text);
  });
});

describe("trained adapters", () => {
  test.each([
    "llama-gqa-lora-qv",
    "llama-gqa-lora-all",
    "llama-gqa-lora-alpaca",
    "llama-gqa-lora-drops",
    "llama-bf16-lora-all",
    "mistral-window-lora-qv",
    "qwen2-tied-lora-qv",
  ])("logits with %s equal PEFT's", async (name) => {
    const base = JSON.parse(readFileSync(goldenPath(`training/${name}/case.json`), "utf8")).model as string;
    const golden = await readGoldenTensors(goldenPath(`training/${name}/logits.safetensors`));
    const adapters = goldenPath(`training/${name}/final`);
    const model = await loadModel(goldenPath(base), { adapters, threads: 1 });
    const logits = await model.logits([...golden.input_ids!.data]);
    expect(maxDifference(logits, golden.logits!.data)).toBeLessThan(5e-5); // bound 1e-4; measured up to 1.5e-5
    model.useAdapter(null);
    const plain = await model.logits([...golden.input_ids!.data]);
    expect(maxDifference(plain, golden.logits!.data)).toBeGreaterThan(0.1);
    await model.release();
  });
});

describe("adapters on one base", () => {
  const base = goldenPath("models/llama-gqa");
  const paths = {
    all: LORA,
    qv: goldenPath("training/llama-gqa-lora-qv/final"),
    initial: goldenPath("training/llama-gqa-lora-all/initial"),
  };
  let model: LoadedModel;
  beforeAll(async () => {
    model = await loadModel(base, { adapters: { all: paths.all, qv: paths.qv }, threads: 1 });
  });
  afterAll(() => model.release());

  test("each computes as when loaded alone, whatever was in use before", async () => {
    const tokens = readGolden("llama-gqa").prompts[0]!.input_ids;
    const alone = new Map<string | null, Float32Array>();
    for (const [name, adapters] of [[null, undefined] as const, ...Object.entries(paths)]) {
      const single = await loadModel(base, { adapters, threads: 1 });
      alone.set(name, await single.logits(tokens));
      await single.release();
    }
    await model.addAdapter("initial", paths.initial);
    for (const name of ["all", "qv", "initial", null, "all", "qv"]) {
      model.useAdapter(name);
      expect(await model.logits(tokens), `${name}`).toEqual(alone.get(name));
    }
    const different = (a: string | null, b: string | null) => maxDifference(alone.get(a)!, alone.get(b)!);
    expect(different("all", "initial")).toBeGreaterThan(0.01);
    expect(different("all", "qv")).toBeGreaterThan(0.01);
    expect(different("all", null)).toBeGreaterThan(0.01);
  });

  test("calls that overlap get their own answers", async () => {
    model.useAdapter(null);
    const golden = readGolden("llama-gqa").prompts.slice(0, 6);
    const answers = golden.map(({ messages }) => model.chat(messages, GREEDY));
    model.useAdapter("all");
    expect((await Promise.all(answers)).map(({ ids }) => ids)).toEqual(golden.map((p) => p.output_ids));
  });

  test("one for a base of the same shape with other weights is refused", async () => {
    const tuned = tunedCopy(goldenPath("models/llama-gqa"), at("tuned"), "model.norm.weight");
    await expect(loadModel(tuned, { adapters: LORA })).rejects.toThrow(/tuned is another model/);
  });

  test("an unknown name, a directory without an adapter and one for another base are refused", async () => {
    expect(() => model.useAdapter("other")).toThrow(/no adapter "other"; expected all, qv/);
    await expect(model.addAdapter("x", base)).rejects.toThrow(/not a PEFT adapter directory/);
    await expect(model.addAdapter("x", goldenPath("training/llama-bf16-lora-all/final"))).rejects.toThrow(
      /does not fit the model/,
    );
    await expect(loadModel(LORA)).rejects.toThrow(/expected a model, got a PEFT adapter/);
  });
});

describe("answers", () => {
  const question: Message[] = [{ role: "user", content: "Say hello to the reader." }];
  let model: LoadedModel;
  beforeAll(async () => {
    model = await loadModel(goldenPath("models/llama-gqa"), { threads: 1 });
  });
  afterAll(() => model.release());

  test("a seed fixes the answer, another one gives another", async () => {
    const sampled = (seed?: number) =>
      model.chat(question, { temperature: 1, topP: 0.95, maxTokens: 20, seed });
    const first = await sampled(7);
    expect(await sampled(7)).toEqual(first);
    expect((await sampled(8)).ids).not.toEqual(first.ids);
    expect((await sampled()).ids).not.toEqual((await sampled()).ids);
  });

  test("a stop string ends the text before it, split over tokens as it may be", async () => {
    const { text } = await model.chat(question, GREEDY);
    const at = [...text].findIndex((_, i) => i > 3 && text.indexOf(text.slice(i, i + 3)) === i);
    const stop = text.slice(at, at + 3);
    const pieces: string[] = [];
    const onText = (piece: string) => pieces.push(piece);
    const answer = await model.chat(question, { ...GREEDY, stop: [stop], onText });
    expect(answer.text).toBe(text.slice(0, at));
    expect(pieces.join("")).toBe(answer.text);
    expect(answer.finishReason).toBe("stop");
    expect(answer.ids.length).toBeLessThan(24);
  });

  test("a signal ends it with its reason", async () => {
    const controller = new AbortController();
    const onText = () => controller.abort(new Error("enough"));
    const answer = model.chat(question, { ...GREEDY, signal: controller.signal, onText });
    await expect(answer).rejects.toThrow("enough");
    const batch = model.chatBatch([question], { signal: controller.signal });
    await expect(batch).rejects.toThrow("enough");
  });

  test("an answer goes no further than the model's positions", async () => {
    const { ids } = model.tokenizer.encode("a ".repeat(600));
    const most = 512;
    const rest = async (prompt: number[]) => {
      const tokens = model.generate(prompt, { temperature: 0 });
      let [count, next] = [0, await tokens.next()];
      for (; !next.done; count++) next = await tokens.next();
      return { count, reason: next.value };
    };
    expect(await rest(ids.slice(0, most - 3))).toEqual({ count: 3, reason: "length" });
    await expect(rest(ids.slice(0, most))).rejects.toThrow(/512 tokens.*max_position_embeddings/s);
    await expect(rest([])).rejects.toThrow(/prompt is empty/);
    await expect(model.complete("a ".repeat(600))).rejects.toThrow(/max_position_embeddings/);
  });

  test("a conversation with nothing to answer is refused", async () => {
    await expect(model.chat([])).rejects.toThrow(/it is empty/);
    const answered: Message[] = [...question, { role: "assistant", content: "Hello." }];
    await expect(model.chat(answered)).rejects.toThrow(/its last is the assistant's/);
  });

  test("the template is the one asked for", async () => {
    const loaded = await loadModel(goldenPath("models/llama-gqa"), { template: "alpaca", threads: 1 });
    const { promptTokens } = await loaded.chat(question, { maxTokens: 1 });
    await loaded.release();
    const prompt = alpacaTemplate("<|im_end|>").render({ messages: question }, { addGenerationPrompt: true });
    expect(promptTokens).toBe(loaded.tokenizer.encode(prompt).ids.length);
    await expect(loadModel(goldenPath("models/llama-gqa"), { template: "no.jinja" })).rejects.toThrow(
      /no\.jinja/,
    );
  });

  test("settings out of range are refused", async () => {
    await expect(model.chat(question, { temperature: -1 })).rejects.toThrow(
      /temperature: expected a number of 0 or more, got -1/,
    );
  });
});
