import { cudaFacts } from "../../src/runtime/cuda.ts";
import type { Job } from "../suite/job.ts";
import { HALF_BILLION, type Models, type Shape } from "../suite/models.ts";
import type { Rows } from "../suite/rows.ts";
import type { Command } from "../suite/run_job.ts";
import { attuneCommand, trlCommand } from "../suite/workload.ts";

/** Qwen2.5's. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  "0.5B": HALF_BILLION,
  "1.5B": {
    ...HALF_BILLION,
    ...{ hidden_size: 1_536, intermediate_size: 8_960, num_hidden_layers: 28, num_attention_heads: 12 },
  },
  "7B": {
    ...HALF_BILLION,
    ...{ vocab_size: 152_064, hidden_size: 3_584, intermediate_size: 18_944, num_hidden_layers: 28 },
    ...{ num_attention_heads: 28, num_key_value_heads: 4, tie_word_embeddings: false },
  },
};

export type Method = "LoRA" | "QLoRA";

export interface GpuContender {
  name: string;
  command: Command;
  /** The same, with traces of its kernels. */
  profiled?: (prefix: string) => Command;
}

export interface Parts {
  models: Models;
  rows: Rows;
  python: string;
  shape: Shape;
  method: Method;
  /** Few and short steps. */
  isSmall: boolean;
}

const RANK = 8;

/** Both sides take the same tokens, adapter and steps. */
export function contendersOf({ models, rows, python, shape, method, isSmall }: Parts): GpuContender[] {
  const [steps, batchSize, maxLength] = isSmall ? [2, 2, 64] : [8, 8, 512];
  const model = models.model(shape);
  const adapter = models.adapter(shape, RANK);
  const data = rows.tokens(model, steps * batchSize, maxLength);
  const job: Job = {
    ...{ task: "sft", model, adapter, data, steps, batchSize, maxLength },
    quantization: method === "QLoRA" ? "nf4" : undefined,
  };
  const { isOffered, missingProvider } = cudaFacts();
  const hasCuda = isOffered && missingProvider.length === 0;
  const peft = (dtype: "float32" | "bfloat16"): GpuContender => ({
    name: `PyTorch and PEFT, ${dtype}`,
    command: trlCommand(python, { ...job, dtype, layout: "padded", device: "cuda" }),
  });
  return [
    attune({ ...job, device: "webgpu" }),
    ...(hasCuda ? [attune({ ...job, device: "cuda" })] : []),
    ...(isSmall ? [] : [peft("float32"), peft("bfloat16")]),
  ];
}

const attune = (job: Job): GpuContender => ({
  name: `attune, ${job.device}`,
  command: attuneCommand(job),
  profiled: (profile) => attuneCommand({ ...job, steps: 2, profile }),
});
