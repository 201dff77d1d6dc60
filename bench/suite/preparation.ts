import { rmSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import type { Job } from "./job.ts";
import { THREE_MILLION } from "./models.ts";
import {
  attuneCommand,
  type Bench,
  type Contender,
  examplesPerSecond,
  trlCommand,
  type Workload,
} from "./workload.ts";

/** Rows of messages into tokens on both sides; attune's again from its cache. */
export function preparing(bench: Bench, group: string, count: number): Contender[] {
  const model = bench.models.model(bench.shape(THREE_MILLION));
  const data = bench.rows.messages(count);
  const cache = join(bench.folder, "cache");
  const job: Job = { task: "prepare", model, data, cache, steps: 1, batchSize: 1, maxLength: 512 };
  const attune = attuneCommand(job);
  const workers = cpus().length;
  return [
    {
      ...{ name: `attune, ${group}`, side: "attune", group, command: attune },
      before: () => rmSync(cache, { recursive: true, force: true }),
    },
    { name: `attune, ${group}, from its cache`, side: "attune", group, command: attune },
    { name: `TRL, ${group}`, side: "TRL", group, command: trlCommand(bench.python, job) },
    {
      ...{ name: `TRL, ${group}, ${workers} processes`, side: "TRL", group },
      command: trlCommand(bench.python, { ...job, workers }),
    },
  ];
}

export const preparation = (bench: Bench): Workload => ({
  id: "g",
  title: "Preparing 52,000 rows",
  note: "Alpaca's rows as prompt and completion, with the model's template, cut at 512 tokens; what SFTTrainer does to a dataset before its first step. Programs' own start isn't counted.",
  unit: "rows/s",
  rate: examplesPerSecond,
  contenders: () => {
    const count = bench.quick ? 100 : 52_000;
    return preparing(bench, `${count.toLocaleString("en-US")} rows`, count);
  },
});
