import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pruneCache, userCache } from "../../files/user_cache.ts";
import { templateSources } from "../../templates/template_sources.ts";
import { AttuneError } from "../../text/errors.ts";
import type { SequenceStore } from "../batches/sequence_store.ts";
import type { Example, UnusableRow } from "../example.ts";
import { cacheKey, type DataSource } from "./cache_key.ts";
import { type PreparedDataset, type PrepareOptions, prepareDataset } from "./prepare.ts";
import { prepareList } from "./testing/prepare_list.ts";
import { openPlan, type TokenizePlan } from "./tokenize_plan.ts";
import { openTokenizePool } from "./tokenize_pool.ts";

const model = new URL("../../../goldens/models/qwen2-tied/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, model), "utf8");
const plan: TokenizePlan = {
  tokenizerJson: JSON.parse(read("tokenizer.json")),
  tokenizerConfig: JSON.parse(read("tokenizer_config.json")),
  template: {
    name: "chat",
    sources: templateSources([["default", read("chat_template.jinja")]]),
    now: new Date(2026, 0, 2),
  },
  settings: { maxLength: 64, stage: "instruct" },
};

/** Rows of all sorts: long ones, weights, documents in parts, dropped and unusable ones. */
function row(i: number): Example | UnusableRow {
  const origin = { file: `${i % 3}.jsonl`, row: i + 1 };
  if (i % 97 === 5) return { kind: "unusable", reason: "not an object", origin };
  if (i % 10 === 1) return { kind: "tokens", tokens: [5, 6, 7, 8], labelWeights: [0, 0.25, 0, -2], origin };
  if (i % 10 === 2) return { kind: "text", text: `Document ${i}: ${"some words, ".repeat(40)}`, origin };
  const answer = i % 10 === 3 ? "" : `${i * 7919} is the answer, 好 🙂 ${"again ".repeat(i % 30)}`;
  const messages = [
    { role: "user", content: `What of ${i}?` },
    { role: "assistant", content: answer },
  ] as const;
  return { kind: "conversation", messages: [...messages], origin };
}

async function* rows(count: number, from = 0): AsyncGenerator<Example | UnusableRow> {
  for (let i = from; i < from + count; i++) yield row(i);
}

const MANY = 8 * 256 + 300; // enough for threads

let directory: string;
let prepared: PreparedDataset[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "attune-prepare-"));
  prepared = [];
});
afterEach(async () => {
  for (const { store } of prepared) store.close();
  await rm(directory, { recursive: true });
});

async function prepare(from: AsyncIterable<Example | UnusableRow>, options: PrepareOptions = {}, as = plan) {
  const result = await prepareDataset(from, as, options);
  prepared.push(result);
  return result;
}

const all = (store: SequenceStore) => Array.from({ length: store.length }, (_, i) => store.at(i));

describe("a dataset", () => {
  test("is what the same rows become in memory", async () => {
    const { store, report } = await prepare(rows(500));
    const usable = Array.from({ length: 500 }, (_, i) => row(i)).filter((one) => one.kind !== "unusable");
    const inMemory = prepareList(usable, openPlan(plan));
    expect(all(store)).toEqual(inMemory.sequences);
    expect(all(store).map(({ tokens }) => tokens.length)).toEqual(
      Array.from({ length: store.length }, (_, i) => store.tokensOf(i)),
    );
    const { read, unusable, ...counts } = report;
    expect({ ...counts, read: usable.length, unusable: [] }).toEqual(inMemory.report);
    expect(read).toBe(500);
    expect(unusable).toEqual([
      {
        reason: "not an object",
        count: 6,
        origins: [6, 103, 200, 297, 394, 491].map((n) => row(n - 1).origin),
      },
    ]);
  });

  test("is the same, whatever the number of threads", async () => {
    const files = await Promise.all(
      [1, 2, 3].map(async (workers) => {
        const cache = { directory: join(directory, String(workers)), key: async () => "a".repeat(64) };
        await prepare(rows(MANY), { workers, cache });
        return readFile(join(cache.directory, `${"a".repeat(64)}.sequences`));
      }),
    );
    expect(files[0]!.length).toBeGreaterThan(100_000);
    expect(files[1]!.equals(files[0]!)).toBe(true);
    expect(files[2]!.equals(files[0]!)).toBe(true);
  });

  test("leaves nothing behind when it isn't cached", async () => {
    const temporary = async () => (await readdir(tmpdir())).filter((name) => /^attune-[^-]+$/.test(name));
    const before = await temporary();
    const { store } = await prepare(rows(20));
    expect(store.at(0).tokens.length).toBeGreaterThan(2);
    expect((await temporary()).filter((name) => !before.includes(name))).toEqual([]);
  });

  test("says how far it is", async () => {
    const done: number[] = [];
    await prepare(rows(600), { progress: (count) => done.push(count) });
    expect(done).toEqual([256, 512, 600]);
  });

  test("without anything to learn is an error", async () => {
    await expect(prepare(rows(1, 5))).rejects.toThrow(
      /none of 1 examples can be trained on\n {2}2.jsonl row 6: not an object/,
    );
  });

  test("strict: rows that are left out are an error that lists them", async () => {
    const failing = prepare(rows(300), { strict: "all" });
    await expect(failing).rejects.toThrow(/2.jsonl row 6: not an object\n(.*\n)+.*0.jsonl row 4: .*empty\n/);
    await expect(failing).rejects.toThrow(AttuneError);
    await expect(prepare(rows(3), { strict: "all" })).resolves.toBeDefined();
  });
});

describe("what goes wrong in a thread", () => {
  const around = (first: AsyncIterable<Example | UnusableRow>, middle: Example) =>
    (async function* () {
      yield* first;
      yield middle;
      yield* rows(MANY);
    })();

  test("a row that can't be tokenized is named, as in memory", async () => {
    const wrong: Example = { kind: "text", text: "<|endoftext|>", origin: { file: "x.json", row: 7 } };
    const pretrain: TokenizePlan = { ...plan, settings: { ...plan.settings, stage: "pretrain" } };
    const documents = async function* () {
      for (let i = 0; i < MANY; i++)
        yield { ...wrong, text: `Words ${i}`, origin: { file: "x.json", row: i } };
    };
    const talk: Example = { ...(row(0) as Example), origin: { file: "x.json", row: 7 } };
    for (const workers of [1, 2]) {
      const { report } = await prepareDataset(around(documents(), talk), pretrain, { workers });
      expect(report.unusable[0]).toMatchObject({
        reason: expect.stringMatching(/^stage pretrain/),
        origins: expect.arrayContaining([{ file: "x.json", row: 7 }]),
      });
    }
  });

  test("a fault of ours keeps its place in the code", async () => {
    const broken = { kind: "tokens", tokens: { length: 2 }, origin: { file: "x.json", row: 7 } } as never;
    const failing = prepareDataset(around(rows(MANY), broken), plan, { workers: 2 });
    await expect(failing).rejects.toThrow(/is not a function\n +at .*tokenize_example/);
    await expect(failing).rejects.not.toThrow(AttuneError);
  });

  test("a thread that ends is an error for all it was at, and was to do", async () => {
    const pool = openTokenizePool(plan, 1);
    const chunk = [row(0), row(4)];
    expect((await pool.run(chunk)).report.kept).toBe(2);
    const long = Array.from({ length: 10_000 }, (_, i) => row(7 * i)); // more than is done before the end
    const outcomes = Promise.allSettled([pool.run(long), pool.run(chunk)]);
    await pool.close();
    const [one, other] = await outcomes;
    for (const outcome of [one, other]) expect(outcome).toMatchObject({ reason: expect.any(AttuneError) });
    await expect(pool.run(chunk)).rejects.toThrow(/a thread ended/);
  });

  test("a broken tokenizer is an error", async () => {
    const failing = prepareDataset(rows(MANY), { ...plan, tokenizerJson: {} }, { workers: 2 });
    await expect(failing).rejects.toThrow(/^tokenizer.json: /);
  });

  test("a signal ends it, and nothing is kept", async () => {
    const stop = new AbortController();
    const cache = { directory: join(directory, "cache"), key: async () => "b".repeat(64) };
    const progress = () => stop.abort();
    const failing = prepareDataset(rows(20 * MANY), plan, {
      workers: 2,
      signal: stop.signal,
      progress,
      cache,
    });
    await expect(failing).rejects.toThrow(/abort/i);
    expect(await readdir(cache.directory)).toEqual([]);
  });
});

describe("the cache", () => {
  let data: string;
  let source: DataSource;
  beforeEach(async () => {
    data = join(directory, "data.jsonl");
    source = { files: [data], settings: { format: "alpaca" } };
    await writeFile(data, "content");
  });
  const cacheOf = () => ({ directory: join(directory, "cache"), key: () => cacheKey([source], plan) });
  const entry = async () => join(directory, "cache", (await readdir(join(directory, "cache")))[0]!);
  const unread = () =>
    (async function* (): AsyncGenerator<Example> {
      yield Promise.reject(new Error("the rows were read"));
    })();

  test("gives the same without reading a row", async () => {
    const first = await prepare(rows(300), { cache: cacheOf() });
    const second = await prepare(unread(), { cache: cacheOf() });
    expect(all(second.store)).toEqual(all(first.store));
    expect(second.report).toEqual(first.report);
    expect(second.store.hash).toBe(first.store.hash);
    expect((await stat(join(directory, "cache"))).mode & 0o777).toBe(0o700);
  });

  test("is strict about what it has, too", async () => {
    await prepare(rows(300), { cache: cacheOf() });
    await expect(prepareDataset(unread(), plan, { cache: cacheOf(), strict: "all" })).rejects.toThrow(
      /^data: 34 rows can't be used/,
    );
  });

  test("a damaged entry is made again, wherever the damage is", async () => {
    const first = await prepare(rows(300), { cache: cacheOf() });
    const whole = await readFile(await entry());
    const places = [0, 4, 8, 16, 24, 40, 70, 96, 5000, whole.length - 5000, whole.length - 1];
    for (const place of places) {
      const bytes = Buffer.from(whole);
      bytes[place]! ^= 1;
      await writeFile(await entry(), bytes);
      await expect(prepareDataset(unread(), plan, { cache: cacheOf() }), `byte ${place}`).rejects.toThrow(
        "read",
      );
      await prepare(rows(300), { cache: cacheOf() });
      expect((await readFile(await entry())).equals(whole)).toBe(true);
    }
    for (const length of [0, 50, 96, 5000, whole.length - 1]) {
      await truncate(await entry(), length);
      const again = await prepare(rows(300), { cache: cacheOf() });
      expect(all(again.store)).toEqual(all(first.store));
    }
  });

  test("a file cut while it is open is an error, not other tokens", async () => {
    const { store } = await prepare(rows(300), { cache: cacheOf() });
    await truncate(await entry(), 1000);
    expect(() => store.at(store.length - 1)).toThrow(/ends too soon/);
  });

  test("failing in the middle leaves no entry", async () => {
    const failing = async function* () {
      yield* rows(1000);
      throw new AttuneError({ code: "data.broken", place: "data.jsonl row 1001", problem: "broken" });
    };
    await expect(prepareDataset(failing(), plan, { cache: cacheOf() })).rejects.toThrow(/row 1001/);
    expect(await readdir(join(directory, "cache"))).toEqual([]);
  });

  test("data that changes while it is read is an error, and isn't kept", async () => {
    const changing = async function* () {
      yield* rows(100);
      await writeFile(data, "more content");
    };
    await expect(prepareDataset(changing(), plan, { cache: cacheOf() })).rejects.toThrow(/changed while/);
    expect(await readdir(join(directory, "cache"))).toEqual([]);
  });

  test("is written by two at once", async () => {
    const both = await Promise.all([1, 2].map(() => prepare(rows(300), { cache: cacheOf() })));
    expect(all(both[1]!.store)).toEqual(all(both[0]!.store));
    expect(await readdir(join(directory, "cache"))).toHaveLength(1);
  });

  test("forgets what was not used for longest", async () => {
    const cache = join(directory, "cache");
    for (const letter of ["a", "b", "c", "d"]) {
      await prepare(rows(100), { cache: { directory: cache, key: async () => letter.repeat(64) } });
      const path = join(cache, `${letter.repeat(64)}.sequences`);
      await utimes(path, new Date(), new Date(Date.now() - 1e7 + letter.charCodeAt(0) * 1000));
    }
    await prepare(unread(), { cache: { directory: cache, key: async () => "b".repeat(64) } }); // used again
    const { size } = await stat(await entry());
    await pruneCache(join(cache, `${"a".repeat(64)}.sequences`), 2.5 * size);
    expect((await readdir(cache)).map((name) => name[0])).toEqual(["a", "b"]);
  });

  test("leaves what was used within the hour, for whoever is about to open it", async () => {
    const cache = join(directory, "cache");
    for (const letter of ["a", "b"])
      await prepare(rows(100), { cache: { directory: cache, key: async () => letter.repeat(64) } });
    await pruneCache(join(cache, `${"a".repeat(64)}.sequences`), 0);
    expect((await readdir(cache)).map((name) => name[0])).toEqual(["a", "b"]);
  });

  test.each<[string, () => Promise<string | undefined>, RegExp]>([
    [
      "can't be made",
      async () => {
        await writeFile(join(directory, "file"), "");
        return join(directory, "file", "cache");
      },
      /^No cache: Cannot write .*file.cache: a part of the path is a file.* ATTUNE_CACHE names/,
    ],
    [
      "takes no entry",
      async () => {
        await mkdir(join(directory, "cache", `${"a".repeat(64)}.sequences`, "in the way"), {
          recursive: true,
        });
        return join(directory, "cache");
      },
      /^No cache: Cannot write .*sequences: /,
    ],
    ["has no place", async () => undefined, /^No cache: this user has no home directory\. /],
  ])("that %s is a warning, and the rows are read all the same", async (_, cache, message) => {
    const warnings: string[] = [];
    const { store, report } = await prepare(
      { [Symbol.asyncIterator]: () => rows(100)[Symbol.asyncIterator]() },
      {
        cache: { directory: await cache(), key: async () => "a".repeat(64) },
        warn: (text) => warnings.push(text),
      },
    );
    expect(warnings).toEqual([expect.stringMatching(message)]);
    const kept = await prepare(rows(100), {});
    expect(all(store)).toEqual(all(kept.store));
    expect(report).toEqual(kept.report);
  });

  test("is where the environment says", () => {
    expect(userCache("tokenized", { ATTUNE_CACHE: "/c" })).toBe("/c/tokenized");
    expect(userCache("tokenized", { XDG_CACHE_HOME: "/x" })).toBe("/x/attune/tokenized");
    expect(userCache("tokenized", {})).toMatch(/\.cache\/attune\/tokenized$/);
  });
});

describe("the key", () => {
  const jinja = plan.template;
  const dated = (format: string, now: Date): TokenizePlan => ({
    ...plan,
    template: { ...jinja, sources: templateSources([["default", `{{ strftime_now(${format}) }}`]]), now },
  });

  test("is another when anything is", async () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => join(directory, name)) as [string, string, string];
    await writeFile(a, "one");
    await writeFile(b, "one");
    await writeFile(c, "two");
    const settings = { format: "alpaca", columns: { prompt: "q" } };
    const one = [{ files: [a], settings }];
    const variants: [DataSource[], TokenizePlan][] = [
      [one, plan],
      [[{ files: [b], settings }], plan],
      [[{ files: [c], settings }], plan],
      [[{ files: [a, b], settings }], plan],
      [
        [
          { files: [a], settings },
          { files: [b], settings },
        ],
        plan,
      ],
      [[{ files: [a], settings: { ...settings, format: "sharegpt" } }], plan],
      [[{ files: [a], settings: { ...settings, columns: { prompt: "r" } } }], plan],
      [one, { ...plan, template: { name: "alpaca", now: jinja.now } }],
      [one, { ...plan, template: { ...jinja, sources: { ...jinja.sources!, default: "" } } }],
      [one, { ...plan, template: { ...jinja, sources: { ...jinja.sources!, tool_use: "" } } }],
      [one, { ...plan, eosIds: [1] }],
      [one, { ...plan, settings: { ...plan.settings, maxLength: 65 } }],
      [one, { ...plan, settings: { ...plan.settings, stage: "finetune" } }],
      [one, { ...plan, settings: { ...plan.settings, trainOn: "last" } as never }],
      [one, { ...plan, tokenizerConfig: { ...(plan.tokenizerConfig as object), eos_token: "a" } }],
      [
        one,
        { ...plan, tokenizerJson: { ...(plan.tokenizerJson as object), normalizer: { type: "Lowercase" } } },
      ],
      [one, dated('"%d"', new Date(2026, 0, 2))],
    ];
    const keys = await Promise.all(variants.map(([sources, as]) => cacheKey(sources, as)));
    expect(new Set(keys).size).toBe(variants.length);
    await writeFile(a, "eno");
    expect(await cacheKey(one, plan)).not.toBe(keys[0]);
    await writeFile(a, "one");
    expect(await cacheKey(one, structuredClone(plan))).toBe(keys[0]);
  });

  test("follows the date only where the template writes it, and the time where it may", async () => {
    const morning = new Date(2026, 0, 2, 8);
    const evening = new Date(2026, 0, 2, 20);
    const tomorrow = new Date(2026, 0, 3, 8);
    const keys = (as: (now: Date) => TokenizePlan) =>
      Promise.all([morning, evening, tomorrow].map((now) => cacheKey([], as(now))));
    const different = async (as: (now: Date) => TokenizePlan) => new Set(await keys(as)).size;
    expect(await different((now) => ({ ...plan, template: { ...jinja, now } }))).toBe(1);
    expect(await different((now) => dated("'%d %b %Y'", now))).toBe(2);
    expect(await different((now) => dated("'%d %H'", now))).toBe(3);
    expect(await different((now) => dated("format", now))).toBe(3);
  });

  test("a file that isn't there is named", async () => {
    await expect(cacheKey([{ files: [join(directory, "none")], settings: null }], plan)).rejects.toThrow(
      /none: /,
    );
  });
});
