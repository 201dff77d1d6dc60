/**
 * As one of the processes that MPI started: how long sums of so many numbers take.
 *
 *   mpirun -n 2 npx tsx bench/network/sums.ts ROUNDS float32|bfloat16 NUMBERS …
 *
 * The first prints JSON: seconds by number, of the fastest round: others' work on the machine only slows it down.
 */
import { openWorld } from "../../src/mpi/world.ts";
import type { WireType } from "../../src/training/ranks.ts";

const [rounds, as, ...sizes] = process.argv.slice(2);
const world = openWorld();
if (!world) throw new Error("start it with mpirun");
const seconds: Record<string, number> = {};
for (const size of sizes) {
  const numbers = new Float32Array(+size).fill(1);
  const times: number[] = [];
  for (let round = 0; round <= +rounds!; round++) {
    await world.sum([new Float64Array(1)]); // all begin together
    const started = performance.now();
    await world.sum([numbers], as as WireType);
    if (round > 0) times.push((performance.now() - started) / 1000);
  }
  seconds[size] = Math.min(...times);
}
world.finalize();
if (world.rank === 0) console.log(JSON.stringify(seconds));
process.exit();
