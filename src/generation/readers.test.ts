import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readModel } from "../models/families.ts";
import { openSession } from "../runtime/node.ts";
import type { Session } from "../runtime/session.ts";
import { goldenPath, goldenTensorEntries, maxDifference } from "../testing/goldens.ts";
import { createDecoder, type Decoder, openDecodingSession } from "./decoder.ts";
import { createReaders, type Readers } from "./readers.ts";
import { likeliest } from "./sample.ts";

/** Another order of summation for another number of rows. */
const TOLERANCE = 5e-5;

let session: Session;
let decoder: Decoder;
let readers: Readers;
/** Tokens of each piece of each pass. */
let passes: number[][];

beforeAll(async () => {
  const path = goldenPath("models/llama-gqa");
  const model = readModel(JSON.parse(readFileSync(`${path}/config.json`, "utf8")));
  const tensors = await goldenTensorEntries(path);
  session = await openDecodingSession(model, tensors, openSession, { device: "cpu", threads: 1 });
  decoder = createDecoder(session, model.dimensions);
});
afterAll(() => session.release());

beforeEach(() => {
  passes = [];
  readers = createReaders({
    ...decoder,
    read(cache, pieces) {
      passes.push(pieces.map(({ tokens }) => tokens.length));
      return decoder.read(cache, pieces);
    },
  });
});

const prompt = (length: number, seed = 1) => Array.from({ length }, (_, i) => (i * (36 + seed) + seed) % 300);
const last = async (tokens: readonly number[]) =>
  (await decoder.score(tokens)).slice(-decoder.dimensions.vocabSize);

/** The likeliest `count` tokens after `tokens`, by a reader that is taken and given back. */
async function answer(tokens: readonly number[], count = 6): Promise<number[]> {
  const reader = await readers.take(tokens);
  const all = [...tokens];
  for (let i = 0; i < count; i++) all.push(likeliest(await reader.next(all)));
  await readers.leave(reader);
  return all.slice(tokens.length);
}

test("answers side by side are those one by one, whenever they come and go", async () => {
  const prompts = Array.from({ length: 40 }, (_, i) => prompt(3 + ((i * 7) % 60), i));
  const alone: number[][] = [];
  for (const [i, tokens] of prompts.entries()) alone.push(await answer(tokens, 2 + (i % 9)));
  passes = [];
  const together = await Promise.all(prompts.map((tokens, i) => answer(tokens, 2 + (i % 9))));
  expect(together).toEqual(alone);
  expect(Math.max(...passes.map(({ length }) => length))).toBe(16);
  expect(passes.length).toBeLessThan(alone.flat().length / 4);
});

test("one token of each is a pass; a prompt is read between the tokens of others", async () => {
  const [short, long] = [await readers.take([]), await readers.take([])];
  const tokens = prompt(20);
  const reading = long.next(prompt(600, 2));
  for (let i = 0; i < 4; i++) tokens.push(likeliest(await short.next(tokens)));
  expect(maxDifference(await reading, await last(prompt(600, 2)))).toBeLessThan(TOLERANCE);
  expect(passes.some((pieces) => pieces.includes(1) && pieces.some((n) => n > 100))).toBe(true);
  expect(maxDifference(await short.next(tokens), await last(tokens))).toBeLessThan(TOLERANCE);
});

test("what a sequence was is kept for one that begins alike, of several the most alike", async () => {
  const [one, two] = [prompt(40), [...prompt(20), ...prompt(20, 5)]];
  await answer(one, 1);
  await answer(two, 1);
  passes = [];
  const reader = await readers.take([...two, 7]);
  const logits = await reader.next([...two, 7, 8]);
  expect(passes).toEqual([[2]]);
  expect(maxDifference(logits, await last([...two, 7, 8]))).toBeLessThan(TOLERANCE);
  const other = await readers.take(one);
  expect(maxDifference(await other.next([...one, 9]), await last([...one, 9]))).toBeLessThan(TOLERANCE);
  expect(passes.at(-1)).toEqual([1]);
});

test("a sequence that goes on otherwise forgets the rest, beside others too", async () => {
  const [one, other] = [await readers.take([]), await readers.take([])];
  await Promise.all([one.next(prompt(30)), other.next(prompt(25, 3))]);
  const changed = [...prompt(10), ...prompt(9, 4)];
  expect(maxDifference(await one.next(changed), await last(changed))).toBeLessThan(TOLERANCE);
  const longer = [...prompt(25, 3), 1];
  expect(maxDifference(await other.next(longer), await last(longer))).toBeLessThan(TOLERANCE);
  expect(passes.slice(-2)).toEqual([[9], [1]]);
});

test("who leaves before being answered holds nobody up", async () => {
  const [one, other] = [await readers.take([]), await readers.take([])];
  const stop = new AbortController();
  const asked = Promise.allSettled([one.next(prompt(600), stop.signal), other.next(prompt(9, 2))]);
  stop.abort(new Error("gone"));
  const [left, answered] = await asked;
  expect(left).toMatchObject({ status: "rejected", reason: { message: "gone" } });
  expect(maxDifference((answered as { value: Float32Array }).value, await last(prompt(9, 2)))).toBeLessThan(
    TOLERANCE,
  );
  await readers.leave(one);
  await readers.leave(other);
  expect(await answer(prompt(12))).toHaveLength(6);
});

test("a pass that fails is the failure of those in it, and of nobody after it", async () => {
  const reader = await readers.take([]);
  await expect(reader.next([1, 2, 1e9])).rejects.toThrow();
  expect(maxDifference(await reader.next(prompt(8)), await last(prompt(8)))).toBeLessThan(TOLERANCE);
});

test("the logits of each token of a prompt, while others go on", async () => {
  const [one, other] = [await readers.take([]), await readers.take([])];
  const each: Float32Array[] = [];
  const [logits] = await Promise.all([
    one.next(prompt(70), undefined, (row) => each.push(row)),
    other.next(prompt(12, 2)),
  ]);
  const V = decoder.dimensions.vocabSize;
  const whole = await decoder.score(prompt(70));
  expect(each).toHaveLength(70);
  for (const [t, row] of each.entries())
    expect(maxDifference(row, whole.slice(t * V, (t + 1) * V))).toBeLessThan(TOLERANCE);
  expect(logits).toEqual(each.at(-1));
});
