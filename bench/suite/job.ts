/** What a process of the suite is asked to do, and what it prints. Both sides read the same. */
export interface Job {
  task: "sft" | "dpo" | "prepare";
  /** Directory of the model, and of the adapter that is trained; all weights without one. */
  model: string;
  adapter?: string;
  /** Rows as JSON lines: tokens for "sft", messages otherwise. */
  data: string;
  steps: number;
  batchSize: number;
  maxLength: number;
  threads?: number;
  /** The CPU when left out. */
  device?: "webgpu" | "cuda";
  quantization?: "nf4";
  /** attune's alone. */
  compute?: "int8";
  /** Where traces of its kernels go: `PREFIX_*.json`. */
  profile?: string;
  checkpointing?: boolean;
  /** Where `prepare` keeps what it made. */
  cache?: string;
  /** TRL's alone. */
  dtype?: "float32" | "bfloat16";
  /** A pass has the whole batch padded, one example, or one row of packed ones. */
  layout?: "padded" | "accumulated" | "packed";
  /** Whether reference values are computed once before the first step. */
  precompute?: boolean;
  workers?: number;
}

export type JobEvent =
  /** The first step begins. `before`: seconds that its work took before, such as reference values. */
  | { event: "start"; before?: number; versions?: Record<string, string> }
  | { event: "step"; seconds: number; tokens: number; examples: number; loss?: number }
  | { event: "end"; peakBytes: number };

/** What one process came to. */
export interface Measured {
  /** From the process' start, as seen from outside, to the begin of the first step and to its end. */
  firstStepBegins: number;
  firstStepEnds: number;
  before: number;
  steps: { seconds: number; tokens: number; examples: number; loss?: number }[];
  peakBytes: number;
  versions: Record<string, string>;
}
