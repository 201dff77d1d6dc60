import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readModel } from "../models/families.ts";
import { openSession } from "../runtime/node.ts";
import type { Session } from "../runtime/session.ts";
import { goldenPath, goldenTensorEntries, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { createDecoder, type Decoder, openDecodingSession } from "./decoder.ts";
import { generateBatch } from "./generate_batch.ts";
import { createReaders } from "./readers.ts";
import { likeliest } from "./sample.ts";

/** Beside logits up to 16. Measured: up to 1.2e-5. */
const TOLERANCE = 5e-5;
/** Rotations of these depend on the length, which grows from token to token. */
const GROWING = ["llama-dynamic", "phi3-longrope"];
const T = 32;

describe.each(readdirSync(goldenPath("families")))("%s", (name) => {
  let session: Session;
  let decoder: Decoder;
  let ids: number[];
  let expected: number[];
  let V: number;

  beforeAll(async () => {
    const path = goldenPath(`families/${name}`);
    const model = readModel(JSON.parse(readFileSync(`${path}/config.json`, "utf8")));
    const tensors = await goldenTensorEntries(path);
    session = await openDecodingSession(model, tensors, openSession, { device: "cpu", threads: 1 });
    decoder = createDecoder(session, model.dimensions);
    V = model.dimensions.vocabSize;
    const golden = await readGoldenTensors(`${path}/logits.safetensors`);
    ids = [...golden.input_ids!.data];
    expected = [...golden.logits!.data];
  });
  afterAll(() => session.release());

  const row = (t: number) => expected.slice(t * V, (t + 1) * V);

  test("logits of all tokens equal transformers'", async () => {
    expect(maxDifference(await decoder.score(ids), expected)).toBeLessThan(TOLERANCE);
  });

  test.skipIf(GROWING.includes(name))("token by token they are the same", async () => {
    const cache = decoder.newCache();
    for (let t = 0; t < T; t++) {
      const logits = await decoder.read(cache, [{ sequence: 0, start: t, tokens: [ids[t]!] }]);
      expect(maxDifference(logits, row(t)), `token ${t}`).toBeLessThan(TOLERANCE);
    }
  });

  test("sequences side by side don't see each other", async () => {
    const cache = decoder.newCache();
    const logits = await decoder.read(cache, [
      { sequence: 1, start: 0, tokens: ids.toReversed().slice(0, 9) },
      { sequence: 0, start: 0, tokens: ids },
    ]);
    expect(maxDifference(logits.subarray(V), row(T - 1))).toBeLessThan(TOLERANCE);
  });

  test("a reader that goes on reads as one that begins", async () => {
    const reader = await createReaders(decoder).take([]);
    await reader.next(ids.slice(0, 12));
    const logits = await reader.next(ids);
    expect(maxDifference(logits, row(T - 1))).toBeLessThan(TOLERANCE);
  });

  test.runIf(GROWING.includes(name))("an answer that outgrows the short length is read again", async () => {
    const prompts = [10, 15, 16, 20].map((length) => ids.slice(0, length)); // short is up to 16
    const answers = await generateBatch(decoder, prompts, {
      maxTokens: () => 10,
      stopIds: new Set(),
      rules: [],
      stopWatch: () => () => false,
    });
    for (const [i, prompt] of prompts.entries()) {
      const reader = await createReaders(decoder).take([]);
      const tokens = [...prompt];
      for (const id of answers[i]!.ids) {
        const logits = await reader.next(tokens);
        expect(likeliest(logits)).toBe(id);
        // Dynamic frequencies move on with every token, and the keys of earlier ones stay as they were.
        const settled = name === "phi3-longrope" || tokens.length <= 17;
        const whole = (await decoder.score(tokens)).subarray(-V);
        if (settled) expect(maxDifference(logits, whole), `${tokens.length}`).toBeLessThan(TOLERANCE);
        tokens.push(id);
      }
    }
  });
});
