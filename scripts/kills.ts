/**
 * Kills `train` 50 times and `merge`, `quantize` and `combine` 10 times each, at moments that follow from a seed, and
 * compares what is left with runs that were never killed. About ten minutes.
 *
 *   npm run kills -- --seed 1 --train 50 --others 10
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { killOften, VICTIMS, type VictimName } from "../src/testing/kills.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    train: { type: "string", default: "50" },
    others: { type: "string", default: "10" },
  },
});
const [seed, train, others] = [values.seed, values.train, values.others].map(Number) as [
  number,
  number,
  number,
];
const counts: Partial<Record<VictimName, number>> = {
  train: Math.ceil(train / 2),
  "train all weights": Math.floor(train / 2),
};

const place = mkdtempSync(join(tmpdir(), "attune-kills-"));
process.env.ATTUNE_CACHE = join(place, "cache");
const began = performance.now();
try {
  for (const name of VICTIMS) {
    const directory = join(place, name.replaceAll(" ", "-"));
    await killOften(name, { seed, count: counts[name] ?? others, directory, tell: console.log });
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`\nall bit-equal, nothing half-done; seed ${seed}, ${seconds} s`);
} finally {
  rmSync(place, { recursive: true, force: true });
}
