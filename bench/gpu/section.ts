import type { Measured } from "../suite/job.ts";
import type { Shape } from "../suite/models.ts";
import { median } from "../suite/results.ts";
import type { Gpu } from "./find_gpu.ts";
import type { KernelSum } from "./kernels.ts";
import type { GpuContender, Method } from "./workloads.ts";

export interface GpuOutcome extends GpuContender {
  shapeName: string;
  shape: Shape;
  method: Method;
  rounds: (Measured & { deviceBytes: number })[];
  /** Of a run of its own. */
  kernels: readonly KernelSum[];
  /** What kept it from being measured. */
  error?: string;
}

const TITLE = "## (gpu) On a GPU";

export const NO_GPU = `${TITLE}

No GPU was at hand: nothing has been measured. \`npx tsx bench/gpu.ts\` writes this section on a machine with one.`;

interface Results {
  gpu: Pick<Gpu, "name" | "memoryBytes">;
  /** Operations a second of a float32 product on WebGPU, where that is there. */
  peak: number | undefined;
  rounds: number;
  outcomes: readonly GpuOutcome[];
}

export function gpuSection({ gpu, peak, rounds, outcomes }: Results): string {
  const memory = gpu.memoryBytes > 0 ? `, ${(gpu.memoryBytes / 1e9).toFixed(0)} GB` : "";
  return [
    TITLE,
    "Qwen2.5's shapes, LoRA of rank 8 on all linear layers, Alpaca's rows of at most 512 tokens, 8 a step; QLoRA over NF4. Both sides " +
      "read the same tokens and start from the same adapter; contenders take turns. Peak device memory is what the driver said beyond " +
      "what was held before. The roofline is a step's products, 4 operations a weight and token, at the rate of WebGPU's own float32 " +
      "product of two large matrices.",
    tableOf(outcomes, peak).join("\n"),
    ...outcomes.flatMap(kernelLines),
    `${new Date().toISOString().slice(0, 10)}, ${rounds} ${rounds === 1 ? "round" : "rounds"}; ${gpu.name}${memory}; ` +
      `${describePeak(peak)}; ${versionsOf(outcomes)}.`,
    ...outcomes.flatMap(({ error, ...one }) => (error ? [`${titleOf(one)}: ${error}`] : [])),
  ].join("\n\n");
}

const describePeak = (peak: Results["peak"]) =>
  peak ? `a float32 product: ${(peak / 1e12).toPrecision(3)} TFLOP/s` : "WebGPU is not available";

const titleOf = ({ shapeName, method, name }: Pick<GpuOutcome, "shapeName" | "method" | "name">) =>
  `${shapeName}, ${method}, ${name}`;

function tableOf(outcomes: readonly GpuOutcome[], peak: Results["peak"]): string[] {
  const head = ["", "tokens/s", "first step ends, s", "peak device memory, GB", "of the roofline"];
  const rows = outcomes.map((outcome) => [titleOf(outcome), ...figuresOf(outcome, peak)]);
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}

function figuresOf({ rounds, shape }: GpuOutcome, peak: Results["peak"]): string[] {
  if (rounds.length === 0) return ["–", "–", "–", "–"];
  const rate = median(rounds.map(tokensPerSecond));
  const memory = median(rounds.map(({ deviceBytes }) => deviceBytes));
  return [
    rate.toPrecision(4),
    median(rounds.map(({ firstStepEnds }) => firstStepEnds)).toFixed(1),
    memory > 0 ? (memory / 1e9).toFixed(2) : "–",
    peak ? `${((100 * 4 * weightsOf(shape) * rate) / peak).toFixed(1)}%` : "–",
  ];
}

/** Of the steps after the first, which compiles. */
function tokensPerSecond({ steps }: Measured): number {
  const steady = steps.length > 1 ? steps.slice(1) : steps;
  const sum = (of: (step: (typeof steps)[number]) => number) => steady.reduce((n, step) => n + of(step), 0);
  return sum(({ tokens }) => tokens) / sum(({ seconds }) => seconds);
}

/** Weights that a token is multiplied by: of all linear layers, and of the output layer. */
export function weightsOf(shape: Shape): number {
  const { hidden_size: D, intermediate_size: F, num_hidden_layers, vocab_size } = shape;
  const keyValue = (D / shape.num_attention_heads) * shape.num_key_value_heads;
  return num_hidden_layers * (2 * D * D + 2 * D * keyValue + 3 * D * F) + vocab_size * D;
}

const MOST_KERNELS = 8;

function kernelLines(outcome: GpuOutcome): string[] {
  const { kernels } = outcome;
  if (kernels.length === 0) return [];
  const all = kernels.reduce((sum, { seconds }) => sum + seconds, 0);
  const shares = kernels
    .slice(0, MOST_KERNELS)
    .map(({ op, calls, seconds }) => `${op} ${((100 * seconds) / all).toFixed(1)}% (${calls})`);
  return [`${titleOf(outcome)}, time by op, with calls: ${shares.join(", ")}.`];
}

const versionsOf = (outcomes: readonly GpuOutcome[]) =>
  [...new Map(outcomes.flatMap(({ rounds }) => rounds.flatMap((one) => Object.entries(one.versions))))]
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
