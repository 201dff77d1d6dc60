/**
 * Trains recipes, one after the other, as one of the processes that MPI started.
 *
 *   mpirun -n 2 node --import tsx src/mpi/testing/train_together.ts RECIPES.json [STOP]
 *
 * RECIPES.json is a list of recipes. With STOP the last rank alone asks to end after that step.
 */
import { readFileSync } from "node:fs";
import { train } from "../../run/train.ts";
import { openWorld } from "../world.ts";

const [file, stop] = process.argv.slice(2);
const world = openWorld()!;
for (const recipe of JSON.parse(readFileSync(file!, "utf8"))) {
  const own = new AbortController();
  for await (const event of train(recipe, { ranks: world, threads: 1, signal: own.signal }))
    if (event.type === "step" && event.step === Number(stop) && world.rank === world.size - 1) own.abort();
}
world.finalize();
