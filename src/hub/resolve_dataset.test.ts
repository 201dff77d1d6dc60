import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DatasetOptions, resolveDataset } from "./resolve_dataset.ts";
import { type HubServer, startHubServer } from "./testing/hub_server.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
let server: HubServer;
let home: string;

beforeEach(async () => {
  server = await startHubServer({});
  home = await mkdtemp(join(tmpdir(), "attune-hub-"));
});

afterEach(async () => {
  await server.close();
  await rm(home, { recursive: true });
});

function give(names: string[], readme?: string): void {
  const files = Object.fromEntries(names.map((name) => [name, `content of ${name}`]));
  server.repos["org/data"] = {
    kind: "dataset",
    commit: COMMIT,
    files: { ...files, ".gitattributes": "x", ...(readme === undefined ? {} : { "README.md": readme }) },
  };
}

async function resolve(options: DatasetOptions = {}, env = {}): Promise<string[]> {
  const where = { HF_ENDPOINT: server.url, HF_HOME: home, HOME: home };
  const tuning = { firstPause: 1, attempts: 2 };
  const paths = await resolveDataset("org/data", { tuning, ...options, env: { ...where, ...env } });
  const snapshot = join(home, "hub", "datasets--org--data", "snapshots", COMMIT);
  for (const path of paths)
    expect(await readFile(path, "utf8")).toBe(`content of ${relative(snapshot, path)}`);
  return paths.map((path) => relative(snapshot, path));
}

describe("by names of files", () => {
  test("one split is fetched, in order, and no other", async () => {
    give([
      "data/train-00001-of-00002.parquet",
      "data/train-00000-of-00002.parquet",
      "data/test-00000-of-00001.parquet",
    ]);
    expect(await resolve()).toEqual([
      "data/train-00000-of-00002.parquet",
      "data/train-00001-of-00002.parquet",
    ]);
    expect(server.asked.some(({ file }) => file?.includes("test"))).toBe(false);
    expect(await resolve({ split: "test" })).toEqual(["data/test-00000-of-00001.parquet"]);
  });

  test("a split that isn't there: those that are", async () => {
    give(["train.jsonl", "dev.jsonl"]);
    await expect(resolve({ split: "test" })).rejects.toThrow(
      'org/data: there is no split "test"; expected train, validation',
    );
  });

  test("compressed files, and no files of other kinds", async () => {
    give(["a.jsonl.gz", "b.jsonl.zst", "notes.txt", "script.py"]);
    expect(await resolve()).toEqual(["a.jsonl.gz", "b.jsonl.zst"]);
  });

  test("a script: says so", async () => {
    give(["data.py"]);
    await expect(resolve()).rejects.toThrow(
      /org\/data: expected parquet.*got a Python script.*org\/data@refs\/convert\/parquet/,
    );
  });

  test("offline from the cache", async () => {
    give(["train.jsonl"]);
    await resolve();
    server.asked.length = 0;
    expect(await resolve({}, { HF_HUB_OFFLINE: "1" })).toEqual(["train.jsonl"]);
    expect(server.asked).toEqual([]);
  });
});

describe("by README.md's configs", () => {
  const readme = [
    "---",
    "configs:",
    "- config_name: main",
    "  default: true",
    "  data_files:",
    "  - split: train",
    '    path: "./main/a*.csv"',
    "  - split: test",
    "    path:",
    "    - main/t.csv",
    "- config_name: socratic",
    "  data_dir: socratic",
    "---",
    "# Data",
  ].join("\n");
  const names = ["main/a1.csv", "main/a2.csv", "main/t.csv", "socratic/train.csv", "socratic/test.csv"];

  test("the default one and a named one", async () => {
    give(names, readme);
    expect(await resolve()).toEqual(["main/a1.csv", "main/a2.csv"]);
    expect(await resolve({ split: "test" })).toEqual(["main/t.csv"]);
    expect(await resolve({ config: "socratic" })).toEqual(["socratic/train.csv"]);
    await expect(resolve({ config: "other" })).rejects.toThrow(
      'no configuration "other". Choose one of main, socratic.',
    );
  });

  test("several and none the default", async () => {
    give(names, readme.replace("  default: true\n", ""));
    await expect(resolve()).rejects.toThrow(
      "org/data: there are several configurations. Choose one of main, socratic.",
    );
  });

  test("without configs, by names; broken metadata is named", async () => {
    give(["train.csv"], "---\nlicense: mit\n---\n");
    expect(await resolve()).toEqual(["train.csv"]);
    give(["train.csv"], "---\nconfigs: [1, {\n---\n");
    await expect(resolve()).rejects.toThrow(/metadata in README.md is not YAML/);
    give(["train.csv"], "---\nconfigs: 3\n---\n");
    await expect(resolve()).rejects.toThrow(/README.md's configs/);
  });

  test("patterns cannot leave the repository", async () => {
    give(["train.csv"], '---\nconfigs:\n- config_name: x\n  data_files: "../../*"\n---\n');
    await expect(resolve()).rejects.toThrow(/no file that attune reads matches/);
  });
});

describe("cards that could run away", () => {
  const withCard = async (readme: string) => {
    give(["train.csv"], readme);
    const error = await resolve().catch((caught: Error) => caught);
    return error instanceof Error ? error.message : error;
  };

  test.each<[string, string, RegExp]>([
    [
      "of absurd size",
      `---\n${"# x\n".repeat(2 ** 22 + 1)}---\n`,
      /README\.md: the file has \d+ bytes, more than the limit/,
    ],
    [
      "with endless metadata",
      `---\n${"# x\n".repeat(2 ** 19 + 1)}---\n`,
      /metadata in README\.md: the metadata has \d+ characters/,
    ],
    ["nested deeply", `---\na: ${"[".repeat(1000)}\n---\n`, /brackets are nested more than 200 deep/],
    [
      "whose shape is another",
      "---\nconfigs:\n- config_name: x\n  data_files: 3\n---\n",
      /README\.md's configs: 0\.data_files: expected text or a list, got 3$/,
    ],
    [
      "without a name",
      "---\nconfigs:\n- data_files: x\n---\n",
      /README\.md's configs: 0\.config_name: missing; expected text or a number$/,
    ],
    [
      "with a wrong split",
      "---\nconfigs:\n- config_name: x\n  data_files:\n  - split: a\n    path: 5\n---\n",
      /0\.data_files\.0\.path: expected text or a list, got 5/,
    ],
  ])("%s", async (_, readme, message) => expect(await withCard(readme)).toMatch(message));

  test("an empty header is none", async () => {
    expect(await withCard("---\n---\ntext")).toEqual(["train.csv"]);
    expect(await withCard("---\nlicense: mit\ntext")).toEqual(["train.csv"]);
  });
});

describe("listings that never end", () => {
  const entry = (i: number) => ({ type: "file", path: `f${i}.csv`, size: 1, oid: "a".repeat(40) });

  /** Answers each page of the listing, the first of which is page 1. */
  const answer = (page: (i: number) => { json: unknown; next: string }) => {
    give(["train.csv"]);
    let i = 0;
    server.fault = ({ url }) => {
      if (!url.includes("/tree/")) return undefined;
      const { json, next } = page(++i);
      return {
        json,
        headers: { link: `<${server.url}/api/datasets/org/data/tree/${COMMIT}?${next}>; rel="next"` },
      };
    };
  };

  test.each<[string, (i: number) => { json: unknown; next: string }, RegExp]>([
    [
      "the same page again",
      (i) => ({ json: [entry(i)], next: "cursor=x" }),
      /^org\/data: the hub lists the same page again\./,
    ],
    [
      "the same files again",
      (i) => ({ json: [entry(i % 3)], next: `cursor=${i}` }),
      /the hub lists "f\d\.csv" twice/,
    ],
    ["empty pages", (i) => ({ json: [], next: `cursor=${i}` }), /an empty page before another one/],
    ["pages without end", (i) => ({ json: [entry(i)], next: `cursor=${i}` }), /more than 2000 pages/],
  ])("%s", async (_, page, message) => {
    answer(page);
    await expect(resolve()).rejects.toThrow(message);
  });

  test("an answer of another shape is told in plain words", async () => {
    answer(() => ({ json: [{ type: "file", path: 5 }], next: "x" }));
    await expect(resolve()).rejects.toThrow(
      /has a shape that attune does not know \(path: expected text, got 5\)/,
    );
  });
});
