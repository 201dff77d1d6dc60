import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { combineAdapterDirectories } from "../export/combine_directories.ts";
import { mergeAdapter } from "../export/merge.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { type LoadedModel, loadModel } from "./load_model.ts";

const BASE = goldenPath("models/llama-gqa");
const adapters = {
  one: goldenPath("combine/one"),
  two: goldenPath("combine/two"),
  three: goldenPath("combine/three"),
};
const TOKENS = Array.from({ length: 24 }, (_, t) => (t * 37) % 300);

const home = temporaryDirectory();

describe("adapters mixed as they run", () => {
  let model: LoadedModel;
  beforeAll(async () => {
    model = await loadModel(BASE, { adapters, threads: 1 });
  });
  afterAll(() => model.release());
  const logits = (choice: Parameters<LoadedModel["useAdapter"]>[0]) => {
    model.useAdapter(choice);
    return model.logits(TOKENS);
  };

  test("have the logits of their sum, merged", async () => {
    const weights = { one: 0.7, two: 0.5, three: -0.3 };
    const paths = Object.entries(adapters).map(([name, path]) => ({
      name,
      path,
      weight: weights[name as "one"],
    }));
    await combineAdapterDirectories({ adapters: paths, output: home("sum"), method: "cat" });
    await mergeAdapter({ model: BASE, adapter: home("sum"), output: home("merged") });
    const merged = await loadModel(home("merged"), { threads: 1 });
    const expected = await merged.logits(TOKENS);
    await merged.release();
    const mixed = await logits(weights);
    expect(maxDifference(mixed, expected)).toBeLessThan(1e-4);
    for (const other of [null, "one", { one: 0.7, two: 0.5, three: 0.3 }])
      expect(maxDifference(await logits(other), mixed)).toBeGreaterThan(0.01);
  });

  test("one at weight 1 is the adapter itself; switching back and forth changes nothing", async () => {
    const alone = await logits("two");
    expect(maxDifference(await logits({ two: 1 }), alone)).toBeLessThan(1e-5);
    const mixed = await logits({ one: 1, two: 2 });
    expect(await logits("two")).toEqual(alone);
    expect(await logits({ one: 1, two: 2 })).toEqual(mixed);
  });

  test("calls that overlap get their own mixture's answers", async () => {
    const complete = (choice: Parameters<LoadedModel["useAdapter"]>[0]) => {
      model.useAdapter(choice);
      return model.complete("Say hello to the reader.", { temperature: 0, maxTokens: 8 });
    };
    const choices = [{ one: 3 }, { two: 3 }, null] as const;
    const alone = [];
    for (const choice of choices) alone.push((await complete(choice)).ids);
    const together = await Promise.all(choices.map(complete));
    expect(together.map(({ ids }) => ids)).toEqual(alone);
    expect(new Set(alone.map((ids) => ids.join())).size).toBe(3);
  });

  test("a call may name who answers, whatever is in use", async () => {
    const ask = (options: object) =>
      model.complete("Say hello to the reader.", { temperature: 0, maxTokens: 8, ...options });
    const inUse = async (choice: Parameters<LoadedModel["useAdapter"]>[0]) => {
      model.useAdapter(choice);
      return (await ask({})).ids;
    };
    const expected = [await inUse("one"), await inUse({ one: 3, two: -1 }), await inUse(null)];
    model.useAdapter("two");
    const choices = ["one", { one: 3, two: -1 }, null];
    const answers = await Promise.all(choices.map((adapter) => ask({ adapter })));
    expect(answers.map(({ ids }) => ids)).toEqual(expected);
    expect((await ask({})).ids).toEqual(await inUse("two"));
    await expect(ask({ adapter: "four" })).rejects.toThrow(/there is no adapter "four"/);
  });

  test("what isn't loaded, or counts for nothing, is refused", () => {
    expect(() => model.useAdapter({ one: 1, four: 1 })).toThrow(
      /no adapter "four"; expected one, two, three/,
    );
    expect(() => model.useAdapter({ one: 0 })).toThrow(/one: its weight must be a number other than 0/);
    expect(() => model.useAdapter({})).toThrow(/no adapter to combine/);
  });
});

test("adapters of other kinds are switched, and refused where they would be mixed", async () => {
  const kinds = {
    vera: goldenPath("adapters/llama-vera/final"),
    one: adapters.one,
    dora: goldenPath("adapters/llama-dora/final"),
  };
  const model = await loadModel(BASE, { adapters: kinds, threads: 1 });
  const logits = (choice: Parameters<LoadedModel["useAdapter"]>[0]) => {
    model.useAdapter(choice);
    return model.logits(TOKENS);
  };
  const first = [await logits("vera"), await logits("dora"), await logits("one"), await logits(null)];
  const again = [await logits("vera"), await logits("dora"), await logits("one"), await logits(null)];
  expect(again).toEqual(first);
  for (const [i, one] of first.entries())
    for (const other of first.slice(i + 1)) expect(maxDifference(one, other)).toBeGreaterThan(0.01);
  expect(() => model.useAdapter({ one: 1, vera: 1 })).toThrow(
    /vera: expected a LoRA adapter: another can't be mixed/,
  );
  expect(() => model.useAdapter({ one: 1, dora: 1 })).toThrow(/dora is DoRA/);
  await model.release();
  await expect(
    combineAdapterDirectories({
      adapters: [{ name: "v", path: kinds.vera, weight: 1 }],
      output: home("no"),
      method: "cat",
    }),
  ).rejects.toThrow(/llama-vera\/final: expected a LoRA adapter: another can't be combined/);
});
