import { rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheEntry, passingDirectory, pruneCache, touchEntry, withCache } from "../../files/user_cache.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Example, UnusableRow } from "../example.ts";
import {
  addReport,
  checkAnyKept,
  checkNoneLeftOut,
  emptyReport,
  type PreparationReport,
  type Strictness,
} from "./preparation_report.ts";
import { openSequenceFile, type SequenceFile } from "./sequence_file.ts";
import type { TokenizePlan } from "./tokenize_plan.ts";
import { type TokenizeRowsOptions, tokenizeRows } from "./tokenize_rows.ts";
import { writeSequenceFile } from "./write_sequence_file.ts";

export interface PrepareOptions extends TokenizeRowsOptions {
  /** Where to look for these rows' tokens, and to leave them; made anew each time when left out. */
  cache?: TokenizedCache;
  /** Rows that are an error instead of left out: those that can't be used, or all that would be. */
  strict?: Strictness;
  /** Progress callback: how many rows are done. */
  progress?: (rows: number) => void;
  /** Called when the cache can't be written: then only this run has the tokens. */
  warn?: (message: string) => void;
}

export interface TokenizedCache {
  /** undefined where there is no place for one. */
  directory: string | undefined;
  /** `cacheKey` of the rows' files and the plan. Asked once more after reading, for files that are being written. */
  key: () => Promise<string>;
}

export interface PreparedDataset {
  /** In file order. A long document gives several. Whoever asked for it closes it. */
  store: SequenceFile;
  report: PreparationReport;
}

/**
 * Tokenizes rows into a file, or finds the one where that was done before: then `rows` isn't read at all. Where a cache
 * turns out to take nothing, it is read once more from the beginning.
 * @throws AttuneError when no row is left, or one is left out that may not be.
 */
export async function prepareDataset(
  rows: AsyncIterable<Example | UnusableRow>,
  plan: TokenizePlan,
  options: PrepareOptions = {},
): Promise<PreparedDataset> {
  const { cache } = options;
  const make = (directory: string | undefined) =>
    cache && directory
      ? throughCache(rows, plan, options, { ...cache, directory })
      : inPassing(rows, plan, options);
  const store = await (cache ? withCache(cache.directory, make, options.warn) : make(undefined));
  const report = store.metadata as PreparationReport;
  try {
    if (options.strict) checkNoneLeftOut(report, options.strict);
  } catch (error) {
    store.close();
    throw error;
  }
  return { store, report };
}

type Rows = AsyncIterable<Example | UnusableRow>;

const CACHE_LIMIT = 10 * 2 ** 30; // bytes of all entries

async function throughCache(
  rows: Rows,
  plan: TokenizePlan,
  options: PrepareOptions,
  { directory, key }: TokenizedCache & { directory: string },
): Promise<SequenceFile> {
  const before = await key();
  const path = await cacheEntry(directory, before, ".sequences");
  const known = await openIfWhole(path);
  if (known) {
    await touchEntry(path);
    return known;
  }
  await writeTokenized(path, rows, plan, options, async () => {
    if ((await key()) !== before)
      throw new AttuneError({
        code: "data.files-changed",
        place: "data",
        problem: "the files changed while they were read",
        wayOut: "Run again when they are complete",
      });
  });
  const store = await openSequenceFile(path);
  await pruneCache(path, CACHE_LIMIT);
  return store;
}

/** What isn't whole is made again, whatever is wrong with it. */
async function openIfWhole(path: string): Promise<SequenceFile | undefined> {
  return openSequenceFile(path).catch(() => undefined);
}

/** The file has no name any more once it is open, so that nothing stays behind. */
async function inPassing(rows: Rows, plan: TokenizePlan, options: PrepareOptions): Promise<SequenceFile> {
  const directory = await passingDirectory();
  try {
    const path = join(directory, "tokenized");
    await writeTokenized(path, rows, plan, options);
    return await openSequenceFile(path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** @param check is asked before the file gets its name. */
async function writeTokenized(
  path: string,
  rows: Rows,
  plan: TokenizePlan,
  options: PrepareOptions,
  check?: () => Promise<void>,
): Promise<void> {
  await writeSequenceFile(path, async (append) => {
    const report = emptyReport();
    for await (const { block, report: next } of tokenizeRows(rows, plan, options)) {
      addReport(report, next);
      if (options.strict) checkNoneLeftOut(report, options.strict);
      await append(block);
      options.progress?.(report.read);
    }
    checkAnyKept(report);
    await check?.();
    return report;
  });
}
