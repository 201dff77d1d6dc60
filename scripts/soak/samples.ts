/** What is seen of a server from inside, and whether it grows. */
import { existsSync, readFileSync } from "node:fs";

/** What probe.mjs writes. */
export interface Sample {
  seconds: number;
  /** Bytes. */
  rss: number;
  heapUsed: number;
  /** Open file descriptors. */
  files: number;
  /** The event loop's delay since the sample before, in ms. */
  delay99: number;
  delayMost: number;
}

export function readSamples(directory: string, pid: number): Sample[] {
  const file = `${directory}/${pid}.jsonl`;
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

const MIB = 2 ** 20;
/** How much the last third may be above the first, that after the warm-up. */
const BOUNDS: Readonly<Record<"rss" | "heapUsed" | "files" | "delay99", (before: number) => number>> = {
  rss: (before) => 1.1 * before + 32 * MIB,
  heapUsed: (before) => 1.2 * before + 16 * MIB,
  files: (before) => before + 8,
  delay99: (before) => 2 * before + 50,
};

/** What has grown, in words, by medians of thirds; the first fifth is warm-up. */
export function growth(samples: readonly Sample[]): string[] {
  const later = samples.slice(Math.ceil(samples.length / 5));
  const third = Math.floor(later.length / 3);
  if (third === 0) return [];
  return Object.entries(BOUNDS).flatMap(([key, bound]) => {
    const median = (some: readonly Sample[]) =>
      some.map((sample) => sample[key as keyof Sample]).sort((a, b) => a - b)[Math.floor(some.length / 2)]!;
    const [before, after] = [median(later.slice(0, third)), median(later.slice(-third))];
    return after > bound(before) ? [`${key} grew from ${before} to ${after}`] : [];
  });
}

export const describeSample = ({ seconds, rss, heapUsed, files, delay99, delayMost }: Sample): string =>
  [
    `${seconds} s`,
    `RSS ${(rss / MIB).toFixed(0)} MiB`,
    `heap ${(heapUsed / MIB).toFixed(0)} MiB`,
    `${files} files open`,
    `event loop ${delay99.toFixed(0)} ms at 99 %, ${delayMost.toFixed(0)} ms at most`,
  ].join(", ");
