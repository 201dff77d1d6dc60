import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { goldenPath } from "../testing/goldens.ts";
import { filesOf, guessSplits, ofOneKind } from "./data_files.ts";
import { readGlob } from "./glob.ts";

interface Layout {
  files: string[];
  splits: Record<string, string[]>;
}
const golden: { layouts: Layout[] } = JSON.parse(readFileSync(goldenPath("hub/data_files.json"), "utf8"));

describe("splits by names, as Python's datasets", () => {
  test.each(golden.layouts)("$files", ({ files, splits }) => {
    const found = [...guessSplits(files)].map(([split, patterns]) => [split, filesOf(files, patterns)]);
    expect(found).toEqual(Object.entries(splits));
  });
});

test("splits below a folder", () => {
  const files = ["en/train.csv", "en/test.csv", "de/train.csv"];
  const splits = guessSplits(files, "en/");
  expect(filesOf(files, splits.get("train")!, "en/")).toEqual(["en/train.csv"]);
});

test("of several kinds the most frequent one; parquet before json before csv before text", () => {
  expect(ofOneKind(["a.csv", "b.jsonl", "c.jsonl.gz", "LICENSE.txt"])).toEqual(["b.jsonl", "c.jsonl.gz"]);
  expect(ofOneKind(["a.txt", "b.csv", "c.parquet", "d.json"])).toEqual(["c.parquet"]);
  expect(ofOneKind(["a.png", "b"])).toEqual([]);
});

test.each([
  ["*.csv", ["a.csv"], ["d/a.csv", "a.csv.gz", "xcsv"]],
  ["**/*.csv", ["a.csv", "d/e/a.csv"], ["a.json"]],
  ["a/**", ["a/b", "a/b/c"], ["a", "b/a"]],
  ["a/*/c", ["a/b/c"], ["a/c", "a/b/b/c"]],
  ["x[0-9]?", ["x1a"], ["xa1", "x1", "x1/"]],
  ["x[!0-9].+", ["xa.+"], ["x1.+", "xaa+"]],
  ["**/a/**/b", ["a/b", "x/a/a/y/b"], ["a/x", "b", "x/b/a"]],
  ["**", ["a", "a/b"], []],
  ["*/**", ["a/b"], ["a"]],
  ["[]a]", ["]", "a"], ["b", "[]a]"]],
  ["[!]a]", ["b"], ["]", "a"]],
  ["[!]", ["[!]"], ["a"]],
  ["[", ["["], ["a"]],
  ["[z-a]", [], ["a", "z", "-"]],
  ["[a-]", ["a", "-"], ["b"]],
  ["?", ["é", "😀"], ["", "ab"]],
  ["a.+(b)$", ["a.+(b)$"], ["aa(b)"]],
])("the pattern %s", (pattern, yes, no) => {
  const glob = readGlob(pattern);
  expect(yes.filter((path) => !glob(path))).toEqual([]);
  expect(no.filter((path) => glob(path))).toEqual([]);
});

describe("patterns that could run away", () => {
  test.each([
    ["stars in a name", `${"*a".repeat(900)}b`, "a".repeat(255)],
    ["stars between names", `${"**/a/".repeat(300)}b`, `${"a/".repeat(499)}c`],
    ["both", `${"**/*a*a*/".repeat(150)}b`, `${"aaaa/".repeat(199)}c`],
  ])("%s", (_, pattern, path) => expect(readGlob(pattern)(path)).toBe(false));

  test("one that is longer than any path, or many that are slow, are refused", () => {
    expect(() => readGlob("*".repeat(3000))).toThrow(/longer than 2000 characters/);
    const paths = Array.from({ length: 5000 }, (_, i) => `${"a".repeat(250)}${i}`);
    const patterns = Array.from({ length: 2000 }, (_, i) => `*a*a*a*a*${"a".repeat(100)}b${i}`);
    expect(() => filesOf(paths, patterns)).toThrow(/comparing the patterns .* takes too long/);
  });
});
