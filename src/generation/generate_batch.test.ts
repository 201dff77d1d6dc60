import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readModel } from "../models/families.ts";
import { openSession } from "../runtime/node.ts";
import type { Session } from "../runtime/session.ts";
import { goldenPath, goldenTensorEntries, readGoldenTensors } from "../testing/goldens.ts";
import { createDecoder, type Decoder, openDecodingSession } from "./decoder.ts";
import { generateBatch } from "./generate_batch.ts";

const options = { maxTokens: () => 8, stopIds: new Set<number>(), rules: [], stopWatch: () => () => false };

// A window of 8 tokens is shorter than what the prompts have in common: keys must lie where they would without sharing.
describe.each(["llama-gqa", "mistral-window"])("%s", (name) => {
  let session: Session;
  let decoder: Decoder;
  let ids: number[];
  let read: number;

  beforeAll(async () => {
    const path = goldenPath(`models/${name}`);
    const model = readModel(JSON.parse(readFileSync(`${path}/config.json`, "utf8")));
    const tensors = await goldenTensorEntries(path);
    session = await openDecodingSession(model, tensors, openSession, { device: "cpu", threads: 1 });
    const plain = createDecoder(session, model.dimensions);
    decoder = {
      ...plain,
      read(cache, pieces) {
        read += pieces.reduce((n, { tokens }) => n + tokens.length, 0);
        return plain.read(cache, pieces);
      },
    };
    ids = (await readGoldenTensors(`${path}/logits.safetensors`)).input_ids!.data.slice(0, 40);
  });
  afterAll(() => session.release());

  const answer = async (prompts: number[][]) => {
    read = 0;
    return (await generateBatch(decoder, prompts, options)).map(({ ids: own }) => own);
  };

  test("what all prompts begin with is read once, and the answers are the same", async () => {
    const common = ids.slice(0, 24);
    const prompts = Array.from({ length: 20 }, (_, i) => [...common, 3 + i, ...ids.slice(25, 26 + (i % 5))]);
    const alone = [];
    for (const prompt of prompts) alone.push(...(await answer([prompt])));
    expect(await answer(prompts)).toEqual(alone);
    const own = prompts.reduce((n, prompt) => n + prompt.length - common.length, 0);
    expect(read).toBe(common.length + own + 7 * prompts.length);
  });

  test("a prompt that is the beginning of another keeps its last token", async () => {
    const prompts = [ids.slice(0, 12), ids.slice(0, 20), ids.slice(0, 12)];
    const alone = [];
    for (const prompt of prompts) alone.push(...(await answer([prompt])));
    expect(await answer(prompts)).toEqual(alone);
  });
});
