import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Job } from "./job.ts";
import { HALF_BILLION } from "./models.ts";
import { type Bench, type Contender, trlCommand, type Workload } from "./workload.ts";

const RANK = 8;
const ROWS = 1_000;
const LENGTH = 512;

/** From the command to the first step's end, as users type it: raw rows, the built program. */
export function start(bench: Bench): Workload {
  return {
    id: "f",
    title: "From the command to the first step's end",
    note: `(a)'s model, ${ROWS.toLocaleString("en-US")} raw Alpaca rows, one example a step. The first start tokenizes, the second finds its caches.`,
    unit: "starts/s",
    rate: ({ firstStepEnds }) => 1 / firstStepEnds,
    contenders() {
      const adapter = bench.models.adapter(bench.shape(HALF_BILLION), RANK);
      const model = bench.models.model(bench.shape(HALF_BILLION));
      const data = bench.rows.messages(bench.quick ? 20 : ROWS);
      const folder = mkdtempSync(join(bench.folder, "start-"));
      process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
      const cache = join(folder, "cache");
      const output = join(folder, "run");
      const recipe = join(folder, "recipe.json");
      const training = { maxSteps: 1, batchSize: 1, maxLength: LENGTH, learningRate: 2e-4 };
      writeFileSync(
        recipe,
        JSON.stringify({
          ...{ model, adapter: { path: adapter }, data: [{ path: data }], shuffle: false, training, output },
        }),
      );
      const command = {
        words: [process.execPath, "dist/cli.mjs", "train", recipe, "--json"],
        env: { ATTUNE_CACHE: cache },
      };
      const again = () => rmSync(output, { recursive: true, force: true });
      const afresh = () => {
        again();
        rmSync(cache, { recursive: true, force: true });
      };
      const job: Job = { task: "sft", model, adapter, data, steps: 1, batchSize: 1, maxLength: LENGTH };
      return [
        { name: "attune, first start", side: "attune", command, before: afresh },
        { name: "attune, second start", side: "attune", command, before: again },
        ...(["float32", "bfloat16"] as const).map(
          (dtype): Contender => ({
            name: `TRL, ${dtype}`,
            side: "TRL",
            command: trlCommand(bench.python, { ...job, dtype, layout: "accumulated" }),
            ownLosses: true,
          }),
        ),
      ];
    },
  };
}
