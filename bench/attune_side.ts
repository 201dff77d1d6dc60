/**
 * attune's side of the comparison where the command line doesn't say all that is measured: does a job of bench/suite and tells
 * how it goes, as bench/trl_reference.py does.
 *
 *   npx tsx bench/attune_side.ts JOB
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readDataset } from "../src/data/formats/read_dataset.ts";
import { cacheKey } from "../src/data/tokenize/cache_key.ts";
import { prepareDataset } from "../src/data/tokenize/prepare.ts";
import type { TokenizePlan } from "../src/data/tokenize/tokenize_plan.ts";
import { train } from "../src/run/train.ts";
import { openSession } from "../src/runtime/node.ts";
import type { OpenSession } from "../src/runtime/session.ts";
import { version } from "../src/text/version.ts";
import type { Job, JobEvent } from "./suite/job.ts";
import { recipeOf } from "./suite/recipe.ts";

const job: Job = JSON.parse(process.argv[2]!);
const versions = { attune: version, node: process.versions.node };
await (job.task === "prepare" ? prepare() : trainJob());
tell({ event: "end", peakBytes: peakBytes() });

function tell(event: JobEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

async function trainJob(): Promise<void> {
  const output = mkdtempSync(join(tmpdir(), "attune-bench-"));
  try {
    const clock = openingClock();
    for await (const event of train(recipeOf(job, output), {
      threads: job.threads,
      device: job.device,
      openSession: clock.open,
    })) {
      if (event.type === "start")
        tell({ event: "start", before: job.task === "dpo" ? clock.sinceLast() : 0, versions });
      if (event.type !== "step") continue;
      const { seconds, tokens, loss } = event;
      tell({ event: "step", seconds, tokens, examples: job.batchSize, loss });
    }
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

/** Reference values are computed between the opening of the graph that gives them, the last, and the first step. */
function openingClock() {
  let last = performance.now();
  let opened = 0;
  const open: OpenSession = (model, options) => {
    last = performance.now();
    const trace = job.profile && { profilePrefix: `${job.profile}_${opened++}` }; // each graph's own
    return openSession(model, { ...options, ...trace });
  };
  return { open, sinceLast: () => (performance.now() - last) / 1000 };
}

/** Rows of messages into tokens: the first time, and from the cache. */
async function prepare(): Promise<void> {
  const started = performance.now();
  const file = (name: string) => join(job.model, name);
  const json = (name: string) => JSON.parse(readFileSync(file(name), "utf8"));
  const template = readFileSync(file("chat_template.jinja"), "utf8");
  const plan: TokenizePlan = {
    tokenizerJson: json("tokenizer.json"),
    tokenizerConfig: json("tokenizer_config.json"),
    template: { name: "chat", sources: { default: template, others: [] }, now: new Date() },
    settings: { maxLength: job.maxLength, stage: "instruct" },
  };
  const dataset = { files: [job.data], settings: null };
  const { store, report } = await prepareDataset(readDataset({ path: job.data }), plan, {
    cache: { directory: job.cache!, key: () => cacheKey([dataset], plan) },
    ...(job.workers && { workers: job.workers }),
  });
  tell({ event: "start", versions });
  const seconds = (performance.now() - started) / 1000;
  tell({ event: "step", seconds, tokens: report.tokens, examples: store.length });
}

/** Most memory the process ever held, mapped weights included. */
function peakBytes(): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024;
}
