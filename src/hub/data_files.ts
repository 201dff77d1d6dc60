/**
 * Which files of a data set's repository belong to which split, by the conventions of Python's `datasets`.
 * Source: datasets 5.0 data_files.py (get_data_patterns, resolve_pattern) and utils/metadata.py.
 */
import { AttuneError } from "../text/errors.ts";
import { type CountComparisons, readGlob } from "./glob.ts";

/** Patterns of each split, in order. */
export type SplitPatterns = Map<string, string[]>;

const SHARD = /^data\/([^/]*)-\d{5}-of-\d{5}[^/]*\.[^/]*$/;
const KEYWORDS: [split: string, words: string[]][] = [
  ["train", ["train", "training"]],
  ["validation", ["validation", "valid", "dev", "val"]],
  ["test", ["test", "testing", "eval", "evaluation"]],
];
const SEPARATOR = "[-._ 0-9]";
const IGNORED = new Set([
  "README.md",
  "config.json",
  "dataset_info.json",
  "dataset_infos.json",
  "dummy_data.zip",
  "dataset_dict.json",
]);

const inDirectoryName = (word: string) => [
  `**/${word}/**`,
  `**/${word}${SEPARATOR}*/**`,
  `**/*${SEPARATOR}${word}/**`,
  `**/*${SEPARATOR}${word}${SEPARATOR}*/**`,
];
const inFileName = (word: string) => [`**/${word}${SEPARATOR}*`, `**/*${SEPARATOR}${word}${SEPARATOR}*`];

/** The splits that names of files and directories tell; the first convention that finds any counts. `paths` not empty. */
export function guessSplits(paths: readonly string[], base = ""): SplitPatterns {
  const sharded = shardedSplits(paths, base);
  if (sharded.size > 0) return sharded;
  for (const patternsOf of [inDirectoryName, inFileName]) {
    const found = KEYWORDS.map(([split, words]): [string, string[]] => [
      split,
      words.flatMap(patternsOf),
    ]).filter(([, patterns]) => patterns.some((pattern) => matching(paths, pattern, base).length > 0));
    if (found.length > 0) return new Map(found);
  }
  return new Map([["train", ["**"]]]);
}

/** data/SPLIT-00000-of-00003.parquet */
function shardedSplits(paths: readonly string[], base: string): SplitPatterns {
  const found = new Set(
    below(paths, base)
      .map((path) => SHARD.exec(path)?.[1])
      .filter((split) => split !== undefined),
  );
  const known = KEYWORDS.map(([split]) => split);
  const order = [
    ...known.filter((split) => found.has(split)),
    ...[...found].filter((s) => !known.includes(s)).sort(),
  ];
  const digits = "[0-9]".repeat(5);
  return new Map(order.map((split) => [split, [`data/${split}-${digits}-of-${digits}*.*`]]));
}

/**
 * The paths that a split's patterns find, each once: pattern by pattern, sorted within.
 * @throws AttuneError when they are so many, or such, that it would take long to find out.
 */
export function filesOf(paths: readonly string[], patterns: readonly string[], base = ""): string[] {
  const count = budget();
  const known = new Set(paths);
  const found = patterns.flatMap((pattern) => {
    if (HAS_WILDCARD.test(pattern)) return matching(paths, pattern, base, count);
    return known.has(base + pattern) ? [base + pattern] : [];
  });
  return [...new Set(found)];
}

const HAS_WILDCARD = /[*?[]/;
const MOST_COMPARISONS = 5e7; // of characters: seconds

function budget(): CountComparisons {
  let comparisons = 0;
  return (more) => {
    comparisons += more + 1;
    if (comparisons > MOST_COMPARISONS)
      throw new AttuneError({
        code: "hub.slow-patterns",
        place: "README.md: data_files",
        problem: "comparing the patterns with the files takes too long",
      });
  };
}

function matching(
  paths: readonly string[],
  pattern: string,
  base: string,
  count: CountComparisons = () => {},
): string[] {
  const glob = readGlob(pattern);
  const asked = (path: string) => !IGNORED.has(lastPart(path)) || lastPart(path) === lastPart(pattern);
  const found = below(paths, base).filter(
    (path) => glob(path, count) && asked(path) && !isUnasked(path, pattern),
  );
  return found.sort(byCodePoint).map((path) => base + path);
}

const below = (paths: readonly string[], base: string) =>
  paths.filter((path) => path.startsWith(base)).map((path) => path.slice(base.length));

const lastPart = (path: string) => path.slice(path.lastIndexOf("/") + 1);

const byCodePoint = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Names that begin with "." and directories that begin with "__" count only where the pattern has as many. */
function isUnasked(path: string, pattern: string): boolean {
  const hidden = (name: string) => name.split("/").filter((part) => /^\.+[^.]/.test(part)).length;
  const special = (name: string) =>
    name
      .split("/")
      .slice(0, -1)
      .filter((part) => part.startsWith("__")).length;
  return hidden(path) !== hidden(pattern) || special(path) !== special(pattern);
}

/** By the order in which ties are decided. */
const KINDS: [kind: string, extensions: string[]][] = [
  ["parquet", ["parquet"]],
  ["json", ["jsonl", "json", "ndjson"]],
  ["csv", ["csv", "tsv"]],
  ["text", ["txt"]],
];

/** Of files of several kinds, those of the most frequent kind that attune reads, plain or compressed by gzip or zstd. */
export function ofOneKind(paths: readonly string[]): string[] {
  const groups = KINDS.map(([, extensions]) =>
    paths.filter((path) => extensions.includes(extensionOf(path))),
  );
  const most = Math.max(...groups.map((group) => group.length));
  return groups.find((group) => group.length === most) ?? [];
}

export const isDataFile = (path: string) =>
  KINDS.some(([, extensions]) => extensions.includes(extensionOf(path)));

const extensionOf = (path: string) =>
  /\.([a-z]+)(?:\.(?:gz|zst))?$/.exec(lastPart(path).toLowerCase())?.[1] ?? "";

/** @throws AttuneError naming the splits there are. */
export function chooseSplit(splits: SplitPatterns, split: string, name: string): string[] {
  const patterns = splits.get(split);
  if (patterns) return patterns;
  throw new AttuneError({
    code: "hub.no-split",
    place: name,
    problem: `there is no split ${JSON.stringify(split)}`,
    expected: some([...splits.keys()]),
  });
}

/** For messages: the first of a card's names, each as far as there is room. */
export const some = (names: readonly string[]): string =>
  names
    .slice(0, 10)
    .map((name) => (name.length > 60 ? `${name.slice(0, 60)}…` : name))
    .join(", ") + (names.length > 10 ? ", …" : "");
