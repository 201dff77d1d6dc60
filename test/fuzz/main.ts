/**
 * npm run fuzz [-- --runs N] [--seed S] [--target T]: reads mutated files of all kinds, N of each kind, and says which
 * aren't read or refused as they should be. The same seed gives the same inputs; one of them again: --runs 1.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runStorm } from "./storm.ts";
import { targets } from "./targets.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1700" },
    seed: { type: "string", default: "1" },
    target: { type: "string", multiple: true },
  },
});
const names = values.target ?? targets.map(({ name }) => name);
const [runs, seed] = [Number(values.runs), Number(values.seed)];
const directory = mkdtempSync(join(tmpdir(), "attune-faults-"));
const faults = await runStorm({
  targets: names,
  runs,
  seed,
  directory,
  onFault: ({ target, seed, what, directory }) =>
    console.log(`${target}, seed ${seed}: ${what.slice(0, 1500)}\n  ${directory}`),
  onProgress: (target, done, refused) => {
    if (done === runs) console.log(`${target}: ${done} inputs, ${refused} refused`);
  },
});
console.log(`${names.length * runs} inputs, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
