import { growth, longRows } from "./growth.ts";
import type { Job } from "./job.ts";
import { HALF_BILLION, THREE_MILLION } from "./models.ts";
import { preparation } from "./preparation.ts";
import { start } from "./start.ts";
import {
  attuneCommand,
  type Bench,
  type Contender,
  examplesPerSecond,
  examplesPerSecondInAll,
  stepsPerSecond,
  trlCommand,
  type Workload,
} from "./workload.ts";

/** In the order in which they are measured. */
export const workloads = (bench: Bench): Workload[] => [
  lora(bench),
  qlora(bench),
  smallModel(bench),
  longRows(bench),
  allWeights(bench),
  start(bench),
  preparation(bench),
  pairs(bench),
  growth(bench),
];

const LAYOUTS = ["padded", "accumulated", "packed"] as const;
const DTYPES = ["float32", "bfloat16"] as const;
const BATCH = 4;
const LENGTH = 512;
const RANK = 8;

/** TRL with a dtype, a layout and checkpointing: in words, and as a job. */
function trlSetting(python: string, job: Job): Contender {
  const { dtype, layout, checkpointing } = job;
  const words = [dtype, layout, checkpointing && "checkpointing"].filter(Boolean);
  return {
    name: `TRL, ${words.join(", ")}`,
    side: "TRL",
    command: trlCommand(python, job),
    ownLosses: layout === "packed",
  };
}

function halfBillion({ models, rows, shape, quick }: Bench, steps: number, batchSize = BATCH): Job {
  const model = models.model(shape(HALF_BILLION));
  const count = quick ? 2 : steps;
  const data = rows.tokens(model, count * batchSize, quick ? 64 : LENGTH);
  return { task: "sft", model, data, steps: count, batchSize, maxLength: LENGTH };
}

function lora(bench: Bench): Workload {
  return {
    id: "a",
    title: "LoRA on 0.5 billion parameters",
    note: `Qwen2.5-0.5B's shape, bfloat16 files, LoRA r ${RANK} on all linear layers, Alpaca rows of at most ${LENGTH} tokens, ${BATCH} a step; both sides start from the same adapter. TRL packs without keeping examples apart: on a CPU it has no attention that would.`,
    unit: "examples/s",
    rate: examplesPerSecond,
    contenders() {
      const adapter = bench.models.adapter(bench.shape(HALF_BILLION), RANK);
      const job = { ...halfBillion(bench, 4), adapter };
      const settings = DTYPES.flatMap((dtype) =>
        LAYOUTS.flatMap((layout) => [false, true].map((checkpointing) => ({ dtype, layout, checkpointing }))),
      );
      return [
        { name: "attune, exact", side: "attune", command: attuneCommand(job) },
        {
          name: "attune, exact, checkpointing",
          side: "attune",
          command: attuneCommand({ ...job, checkpointing: true }),
        },
        { name: "attune, int8", side: "attune", command: attuneCommand({ ...job, compute: "int8" }) },
        {
          name: "attune, int8, checkpointing",
          side: "attune",
          command: attuneCommand({ ...job, compute: "int8", checkpointing: true }),
        },
        ...settings.map((setting) => trlSetting(bench.python, { ...job, ...setting })),
      ];
    },
  };
}

function qlora(bench: Bench): Workload {
  return {
    id: "b",
    title: "QLoRA on 0.5 billion parameters",
    note: "The same with a base in NF4, beside TRL's LoRA over bfloat16: bitsandbytes has no 4-bit training on a CPU.",
    unit: "examples/s",
    rate: examplesPerSecond,
    contenders() {
      const adapter = bench.models.adapter(bench.shape(HALF_BILLION), RANK);
      const job = { ...halfBillion(bench, 4), adapter };
      const nf4 = { ...job, quantization: "nf4" } as const;
      return [
        { name: "attune, NF4", side: "attune", command: attuneCommand(nf4), ownLosses: true },
        {
          name: "attune, NF4, checkpointing",
          side: "attune",
          command: attuneCommand({ ...nf4, checkpointing: true }),
          ownLosses: true,
        },
        ...[false, true].map((checkpointing) =>
          trlSetting(bench.python, { ...job, dtype: "bfloat16", layout: "accumulated", checkpointing }),
        ),
      ];
    },
  };
}

function smallModel(bench: Bench): Workload {
  const length = 64;
  return {
    id: "c",
    title: "A small model, many small steps",
    note: `2.8 million parameters, LoRA r ${RANK}, rows of at most ${length} tokens, ${BATCH} a step.`,
    unit: "steps/s",
    rate: stepsPerSecond,
    contenders() {
      const model = bench.models.model(bench.shape(THREE_MILLION));
      const adapter = bench.models.adapter(bench.shape(THREE_MILLION), RANK);
      const steps = bench.quick ? 5 : 1_000;
      const data = bench.rows.tokens(model, steps * BATCH, length);
      const job: Job = { task: "sft", model, adapter, data, steps, batchSize: BATCH, maxLength: length };
      return [
        { name: "attune", side: "attune", command: attuneCommand(job) },
        ...DTYPES.map((dtype) => trlSetting(bench.python, { ...job, dtype, layout: "padded" })),
      ];
    },
  };
}

function allWeights(bench: Bench): Workload {
  const batchSize = 2;
  return {
    id: "e",
    title: "All weights of 0.5 billion parameters",
    note: `As (a) without an adapter, ${batchSize} a step; float32 weights, gradients and moments on both sides.`,
    unit: "examples/s",
    rate: examplesPerSecond,
    contenders() {
      const job = halfBillion(bench, 3, batchSize);
      return [
        { name: "attune", side: "attune", command: attuneCommand(job) },
        {
          name: "attune, checkpointing",
          side: "attune",
          command: attuneCommand({ ...job, checkpointing: true }),
        },
        ...[false, true].map((checkpointing) =>
          trlSetting(bench.python, { ...job, dtype: "float32", layout: "accumulated", checkpointing }),
        ),
      ];
    },
  };
}

function pairs(bench: Bench): Workload {
  const batchSize = 2;
  return {
    id: "h",
    title: "DPO on pairs",
    note: `(a)'s model and adapter, ${batchSize} pairs a step of at most ${LENGTH} tokens an answer with its prompt; reference values count, whether computed before the first step or in each.`,
    unit: "pairs/s",
    rate: examplesPerSecondInAll,
    contenders() {
      const model = bench.models.model(bench.shape(HALF_BILLION));
      const adapter = bench.models.adapter(bench.shape(HALF_BILLION), RANK);
      const steps = bench.quick ? 2 : 3;
      const data = bench.rows.pairs(model, steps * batchSize, LENGTH);
      const job: Job = { task: "dpo", model, adapter, data, steps, batchSize, maxLength: LENGTH };
      return [
        { name: "attune", side: "attune", command: attuneCommand(job) },
        ...DTYPES.flatMap((dtype) =>
          [true, false].map((precompute): Contender => {
            const setting = trlSetting(bench.python, { ...job, dtype, layout: "accumulated", precompute });
            return { ...setting, name: `${setting.name}${precompute ? ", precomputed" : ""}` };
          }),
        ),
      ];
    },
  };
}
