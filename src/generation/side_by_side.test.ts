import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { adapterSites, type LayerShape } from "../adapters/targets/sites.ts";
import { openModel } from "../pretrained/open_model.ts";
import { openSession } from "../runtime/node.ts";
import type { Session, TensorData } from "../runtime/session.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { type RandomLora, randomLora } from "../testing/random_lora.ts";
import { createDecoder, openDecodingSession, openStackedSession } from "./decoder.ts";
import { type RowAdapter, rowAdapter } from "./row_adapters.ts";
import { adapterFeeds } from "./runtime_adapter.ts";
import { likeliest } from "./sample.ts";
import { createSideBySide, type SideBySide } from "./side_by_side.ts";
import type { Variant } from "./variants.ts";

/** Another order of summation for another number of rows. */
const TOLERANCE = 5e-5;
const CPU = { device: "cpu", threads: 1 } as const;

const ADAPTERS: Record<string, RandomLora> = {
  all: { seed: 1 },
  attention: { seed: 2, r: 3, alpha: 12, targetModules: ["q_proj", "v_proj"] },
  stable: { seed: 3, r: 16, useRslora: true, targetModules: ["v_proj", "down_proj"] },
  patterned: { seed: 4, r: 2, rankPattern: { o_proj: 7 }, alphaPattern: { up_proj: 5 } },
};

interface Opened {
  modules: number;
  passes: { R: number; sequences: number }[];
  isReleased: boolean;
}

let parts: Awaited<ReturnType<typeof openModel>>;
const rows = new Map<string, RowAdapter>();
/** The graphs of a test, as they were opened. */
let opened: Opened[];
let side: SideBySide;

const PROMPT = Array.from({ length: 12 }, (_, t) => (t * 37) % 300);

/** Logits [tokens, V] of the adapter's own graph. */
async function alone(name: string | undefined, tokens: readonly number[]): Promise<Float32Array> {
  const { model, directory } = parts;
  const adapter = name === undefined ? undefined : randomLora(model, ADAPTERS[name]!);
  const session = await openDecodingSession(model, directory.tensors, openSession, CPU, adapter);
  const logits = await createDecoder(session, model.dimensions, adapter && adapterFeeds(adapter)).score(
    tokens,
  );
  await session.release();
  return logits;
}

/** The likeliest tokens after `prompt`, by a reader of this variant's. */
async function answer({ readers }: Variant, prompt: readonly number[], count: number): Promise<number[]> {
  const reader = await readers.take(prompt);
  const tokens = [...prompt];
  for (let i = 0; i < count; i++) tokens.push(likeliest(await reader.next(tokens)));
  await readers.leave(reader);
  return tokens.slice(prompt.length);
}

beforeAll(async () => {
  parts = await openModel(goldenPath("models/llama-gqa"));
  const sites = adapterSites(parts.model);
  for (const [name, wanted] of Object.entries(ADAPTERS))
    rows.set(name, rowAdapter(fitAdapter(randomLora(parts.model, wanted), sites), sites)!);
});

beforeEach(() => {
  opened = [];
  side = createSideBySide(parts.model.dimensions, openCounted);
});
afterEach(() => side.release());

async function openCounted(shapes?: ReadonlyMap<string, LayerShape>): Promise<Session> {
  const about: Opened = { modules: shapes?.size ?? 0, passes: [], isReleased: false };
  opened.push(about);
  const { model, directory } = parts;
  const session = shapes
    ? await openStackedSession(model, directory.tensors, openSession, CPU, shapes)
    : await openDecodingSession(model, directory.tensors, openSession, CPU);
  return {
    ...session,
    run(feeds, into) {
      const { data, shape } = feeds.keyEnd as TensorData;
      const sequences = new Set((data as Int32Array).subarray(0, shape[0]!)).size;
      about.passes.push({ R: (feeds.share?.shape[1] ?? 0) as number, sequences });
      return session.run(feeds, into);
    },
    release() {
      about.isReleased = true;
      return session.release();
    },
  };
}

/** The base, and these adapters. */
function variantsOf<Name extends string>(...names: Name[]): Record<Name | "base", Variant> {
  const added = names.map((name) => [name, side.add(rows.get(name)!)]);
  return Object.fromEntries([["base", side.base], ...added]);
}

test("rows of the base and of several adapters in one pass have the logits of their own graphs", async () => {
  const { decoder } = variantsOf("all", "attention", "stable", "patterned").base;
  const names = [undefined, "all", "attention", undefined, "stable", "patterned"];
  const pieces = names.map((name, sequence) => ({
    ...{ sequence, start: 0, tokens: PROMPT.slice(0, 12 - sequence) },
    ...(name !== undefined && { adapter: rows.get(name)! }),
  }));
  const cache = decoder.newCache();
  const logits = await decoder.read(cache, pieces);
  const V = decoder.dimensions.vocabSize;
  const found = names.map((_, i) => logits.slice(i * V, (i + 1) * V));
  for (const [i, name] of names.entries()) {
    const expected = (await alone(name, pieces[i]!.tokens)).slice(-V);
    expect(maxDifference(found[i]!, expected)).toBeLessThan(TOLERANCE);
  }
  for (const [i, name] of names.entries())
    if (name !== undefined)
      expect(maxDifference(found[i]!, (await alone(undefined, pieces[i]!.tokens)).slice(-V))).toBeGreaterThan(
        0.01,
      );
  expect(opened).toHaveLength(1);
  expect(opened[0]!.passes).toEqual([{ R: 8 + 3 + 16 + 7, sequences: 6 }]);
});

test("requests of different adapters share passes and have the answers they have alone", async () => {
  const variants = Object.values(variantsOf("all", "attention", "stable", "patterned"));
  const ask = (i: number) => answer(variants[i % 5]!, [...PROMPT.slice(0, 3 + (i % 9)), i], 4 + (i % 5));
  const one: number[][] = [];
  for (let i = 0; i < 40; i++) one.push(await ask(i));
  const passes = () => opened.flatMap((graph) => graph.passes);
  const before = passes().length;
  expect(await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i)))).toEqual(one);
  expect(passes().length - before).toBeLessThan(before / 5);
  expect(Math.max(...passes().map(({ sequences }) => sequences))).toBe(16);
});

test("what was read with one adapter is not gone on from with another", async () => {
  const { all, attention } = variantsOf("all", "attention");
  const long = Array.from({ length: 40 }, (_, t) => (t * 11) % 300);
  const first = await answer(all, long, 5);
  const other = await answer(attention, long, 5);
  expect(await answer(attention, long, 5)).toEqual(other);
  expect(await answer(all, long, 5)).toEqual(first);
  const expected = await alone("attention", long);
  expect(other[0]).toBe(likeliest(expected.slice(-side.base.decoder.dimensions.vocabSize)));
});

test("the stack holds those in use alone, and the base's graph reads the base's requests", async () => {
  const { base, all, stable } = variantsOf("all", "stable");
  await Promise.all([all, stable].map((one) => answer(one, PROMPT, 3)));
  const stacked = opened[0]!;
  expect(stacked.passes.at(-1)!.R).toBe(24);
  await answer(all, PROMPT, 40);
  expect(stacked.passes.at(-1)!.R).toBe(8);
  const before = stacked.passes.length;
  await answer(base, PROMPT, 3);
  expect(stacked.passes).toHaveLength(before);
  expect(opened).toHaveLength(2);
});

test("one that adapts further modules comes while others answer; one that goes leaves nothing", async () => {
  const { attention } = variantsOf("attention");
  const expected = await answer(attention, PROMPT, 12);
  const under = answer(attention, PROMPT, 12);
  await new Promise((done) => setImmediate(done));
  const { all } = variantsOf("all");
  const [still, fresh] = await Promise.all([under, answer(all, PROMPT, 12)]);
  expect(still).toEqual(expected);
  expect(fresh).toEqual(await answer(all, PROMPT, 12));
  expect(opened.map(({ modules, isReleased }) => [modules, isReleased])).toEqual([
    [rows.get("attention")!.terms.size, true],
    [rows.get("all")!.terms.size, false],
  ]);
  const going = answer(attention, PROMPT, 12);
  await new Promise((done) => setImmediate(done));
  side.remove(rows.get("attention")!);
  expect(await going).toEqual(expected);
});

test("what is more than low-rank terms of linear layers is read by itself", async () => {
  const sites = adapterSites(parts.model);
  const found = async (path: string) => rowAdapter(await readAdapterDirectory(goldenPath(path)), sites);
  for (const plain of ["training/llama-gqa-lora-all/final", "adapters/llama-rslora/final"])
    expect(await found(plain)).toBeDefined();
  for (const kind of ["dora", "vera", "ia3", "lora-ends", "save-ends", "tokens", "bias-all"])
    expect(await found(`adapters/llama-${kind}/final`), kind).toBeUndefined();
});
