import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readModel } from "../models/families.ts";
import { openSession } from "../runtime/node.ts";
import type { Session } from "../runtime/session.ts";
import { goldenPath, goldenTensorEntries, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { createDecoder, type Decoder, openDecodingSession, sequenceOf } from "./decoder.ts";
import { createReaders } from "./readers.ts";

/** Beside logits up to 8. Measured: up to 1.4e-5, another order of summation for another number of rows. */
const TOLERANCE = 5e-5;

describe.each(["llama-gqa", "mistral-window", "qwen2-tied", "llama-bf16"])("%s", (name) => {
  let session: Session;
  let decoder: Decoder;
  let ids: number[];
  let expected: number[];
  let V: number;

  beforeAll(async () => {
    const path = goldenPath(`models/${name}`);
    const model = readModel(JSON.parse(readFileSync(`${path}/config.json`, "utf8")));
    const tensors = await goldenTensorEntries(path);
    const foldConstants = name === "llama-bf16";
    session = await openDecodingSession(model, tensors, openSession, {
      device: "cpu",
      threads: 1,
      foldConstants,
    });
    decoder = createDecoder(session, model.dimensions);
    V = model.dimensions.vocabSize;
    const golden = await readGoldenTensors(`${path}/logits.safetensors`);
    ids = golden.input_ids!.data.slice(0, 40);
    expected = golden.logits!.data.slice(0, 40 * V);
  });
  afterAll(() => session.release());

  const row = (t: number) => expected.slice(t * V, (t + 1) * V);

  test("logits of all tokens equal transformers'", async () => {
    expect(maxDifference(await decoder.score(ids), expected)).toBeLessThan(TOLERANCE);
  });

  test("token by token they are the same, beyond the window too", async () => {
    const cache = decoder.newCache();
    for (let t = 0; t < ids.length; t++) {
      const logits = await decoder.read(cache, [{ sequence: 0, start: t, tokens: [ids[t]!] }]);
      expect(maxDifference(logits, row(t)), `token ${t}`).toBeLessThan(TOLERANCE);
    }
    expect(cache.length).toBe(ids.length);
  });

  test("pieces of several sequences side by side don't see each other", async () => {
    const cache = decoder.newCache();
    const second = ids.toReversed();
    const alone = await decoder.score(second);
    for (let t = 0; t < ids.length; t += 4) {
      const logits = await decoder.read(cache, [
        { sequence: 3, start: t, tokens: ids.slice(t, t + 4) },
        { sequence: 1, start: t, tokens: second.slice(t, t + 4) },
      ]);
      expect(maxDifference(logits.subarray(0, V), row(t + 3))).toBeLessThan(TOLERANCE);
      const other = alone.subarray((t + 3) * V, (t + 4) * V);
      expect(maxDifference(logits.subarray(V), other)).toBeLessThan(TOLERANCE);
    }
  });

  test("a cache forgets, takes over and grows without touching the rest", async () => {
    const [cache, other] = [decoder.newCache(), decoder.newCache()];
    const noise = Array.from({ length: 150 }, (_, i) => (i * 7) % V);
    await decoder.read(cache, [{ sequence: 0, start: 0, tokens: noise }]);
    await decoder.read(other, [{ sequence: 2, start: 0, tokens: ids.slice(0, 20) }]);
    cache.append(other);
    await decoder.read(cache, [{ sequence: 0, start: 150, tokens: noise }]);
    cache.keep((index) => sequenceOf(index) === 2);
    expect(cache.length).toBe(20);
    await decoder.read(cache, [{ sequence: 2, start: 20, tokens: [1, 2, 3] }]);
    cache.truncate(20);
    const logits = await decoder.read(cache, [{ sequence: 2, start: 20, tokens: ids.slice(20) }]);
    expect(maxDifference(logits, row(39))).toBeLessThan(TOLERANCE);
  });

  test("a reader reads only what is new", async () => {
    const lengths: number[] = [];
    const counting: Decoder = {
      ...decoder,
      read: (cache, pieces) => {
        lengths.push(...pieces.map(({ tokens }) => tokens.length));
        return decoder.read(cache, pieces);
      },
    };
    const reader = await createReaders(counting).take([]);
    await reader.next(ids.slice(0, 30));
    await reader.next([...ids.slice(0, 25), 1, 2]);
    const logits = await reader.next(ids);
    expect(maxDifference(logits, row(39))).toBeLessThan(TOLERANCE);
    await reader.next(ids);
    expect(lengths).toEqual([30, 2, 15, 1]);
  });
});
