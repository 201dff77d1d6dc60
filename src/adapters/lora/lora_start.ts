import { firstColumns, type Matrix, multiplyTransposed, transposeMatrix } from "../../math/matrix.ts";
import { qr } from "../../math/qr.ts";
import { truncatedSvd } from "../../math/truncated_svd.ts";
import type { BaseWeights, OnModule, Uniform } from "../kinds/kind.ts";
import type { LoraAdapter, LoraWeights } from "../kinds/lora.ts";
import type { AdaptedShape } from "../targets/sites.ts";
import { isDecomposed, type LoraConfig, rankOf, scaleOf } from "./lora_config.ts";

type Shape = AdaptedShape;

/**
 * PEFT's default start: A uniform over ±1/√in (kaiming uniform with a = √5), B zero, so that the adapter begins as
 * nothing; "gaussian": A normal with deviation 1/r; false: B uniform, too, over ±1/√r. Of an embedding A is zero and B
 * normal. `shapes`: the adapted modules.
 */
export function initializeLora(
  shapes: ReadonlyMap<string, Shape>,
  config: Pick<LoraConfig, "r" | "rankPattern" | "initLoraWeights">,
  uniform: Uniform,
): Map<string, LoraWeights> {
  return new Map(
    [...shapes].map(([module, shape]) => {
      const r = rankOf(config, module);
      const start = shape.embedding ? embeddingStart : linearStart;
      return [module, { ...start(module, shape, r, config.initLoraWeights ?? true, uniform), r, ...shape }];
    }),
  );
}

type Start = (
  module: string,
  shape: Shape,
  r: number,
  init: boolean | string,
  uniform: Uniform,
) => Pick<LoraWeights, "A" | "B">;

const linearStart: Start = (module, shape, r, init, uniform) => {
  const rows = r * (shape.count ?? 1);
  const [A, B] = [new Float32Array(rows * shape.in), new Float32Array(shape.out * rows)];
  if (init === "gaussian") fillNormal(A, 1 / r, `${module}.lora_A`, uniform);
  else fillUniform(A, 1 / Math.sqrt(shape.in), `${module}.lora_A`, uniform);
  if (init === false) fillUniform(B, 1 / Math.sqrt(rows), `${module}.lora_B`, uniform);
  return { A, B };
};

const embeddingStart: Start = (module, shape, r, init, uniform) => {
  const [A, B] = [new Float32Array(r * shape.in), new Float32Array(shape.out * r)];
  if (init === false) fillNormal(A, 1, `${module}.lora_embedding_A`, uniform);
  fillNormal(B, 1, `${module}.lora_embedding_B`, uniform);
  return { A, B };
};

function fillUniform(into: Float32Array, bound: number, purpose: string, uniform: Uniform): void {
  for (let i = 0; i < into.length; i++) into[i] = (2 * uniform(purpose, i) - 1) * bound;
}

/** Box and Muller's, two uniform numbers each. */
export function fillNormal(into: Float32Array, deviation: number, purpose: string, uniform: Uniform): void {
  for (let i = 0; i < into.length; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(purpose, 2 * i)));
    into[i] = deviation * radius * Math.cos(2 * Math.PI * uniform(purpose, 2 * i + 1));
  }
}

/**
 * What of a start depends on the base's weights: A and B that are a part of the weight, or, by LoftQ, of what quantizing it
 * lost; and DoRA's magnitudes.
 */
export async function startFromWeights(
  modules: ReadonlyMap<string, LoraWeights>,
  config: LoraConfig,
  base: BaseWeights,
  uniform: Uniform,
  onModule?: OnModule,
): Promise<Map<string, LoraWeights>> {
  const started = new Map<string, LoraWeights>();
  for (const [module, fresh] of modules) {
    onModule?.(started.size, modules.size);
    const scale = scaleOf(config, module, fresh.r);
    const factors = fresh.embedding ? undefined : await decomposed(module, fresh, config, base, uniform);
    const weights = { ...fresh, ...factors };
    if (config.useDora) weights.magnitude = rowNorms(await base.weightOf(module), weights, scale);
    started.set(module, weights);
  }
  return started;
}

async function decomposed(
  module: string,
  { r, in: columns, out: rows }: LoraWeights,
  config: LoraConfig,
  base: BaseWeights,
  uniform: Uniform,
): Promise<Pick<LoraWeights, "A" | "B" | "start"> | undefined> {
  const { initLoraWeights: init } = config;
  if (init !== "loftq" && !isDecomposed(init)) return undefined;
  const normal = (index: number) => {
    const one = new Float32Array(1);
    fillNormal(one, 1, `${module}.lora_start`, (purpose, i) => uniform(purpose, 2 * index + i));
    return one[0]!;
  };
  const scale = scaleOf(config, module, r);
  const data = await base.weightOf(module);
  if (init === "loftq") {
    const lost = (await base.unquantizedOf(module)).map((value, at) => value - data[at]!);
    return decompose(LOFTQ, { data: lost, rows, columns }, r, scale, normal);
  }
  const start = decompose(init, { data, rows, columns }, r, scale, normal);
  return { A: start.A.slice(), B: start.B.slice(), start };
}

/**
 * LoftQ (Li et al. 2023, https://arxiv.org/abs/2310.08659) with its default of one iteration: W ≈ Q + scale · B·A, Q the base
 * as it is quantized anyway. PEFT leaves the scale out, so that there it holds for alpha = r only.
 */
const LOFTQ = "pissa_niter_4";

/**
 * A [r, in] and B [out, r] whose product, times `scale`, is a part of `weight` [out, in]:
 * "pissa" (Meng et al. 2024, https://arxiv.org/abs/2404.02948): the largest r singular values', split evenly;
 * "pissa_niter_n": the same by n subspace iterations from random vectors;
 * "olora" (Büyükakyüz 2024, https://arxiv.org/abs/2406.01775): the first r columns and rows of Q·R, not divided by the
 * scale, as in PEFT.
 */
export function decompose(
  init: string,
  weight: Matrix,
  r: number,
  scale: number,
  normal: (index: number) => number,
): { A: Float32Array; B: Float32Array } {
  if (init === "olora") return olora(weight, r);
  const iterations = /^pissa_niter_(\d+)$/.exec(init)?.[1];
  const { U, S, V } = truncatedSvd(
    weight,
    r,
    normal,
    iterations === undefined ? undefined : Number(iterations),
  );
  const roots = S.map((value) => Math.sqrt(value / scale));
  return {
    A: Float32Array.from(transposeMatrix(scaled(V, roots)).data),
    B: Float32Array.from(scaled(U, roots).data),
  };
}

/** W = Q·R: B is the first r columns of Q, A the first r rows of R = QᵀW. */
function olora(weight: Matrix, r: number): { A: Float32Array; B: Float32Array } {
  const { Q } = qr(firstColumns(weight, r));
  const A = transposeMatrix(multiplyTransposed(weight, Q)); // (Wᵀ·Q)ᵀ
  return { A: Float32Array.from(A.data), B: Float32Array.from(Q.data) };
}

/** Each column times its factor. */
const scaled = ({ rows, columns, data }: Matrix, factors: Float64Array): Matrix => ({
  rows,
  columns,
  data: data.map((value, at) => value * factors[at % columns]!),
});

/** The norms of the rows of W + scale · B·A, W [out, in]: [out]. */
export function rowNorms(
  W: Float32Array,
  { A, B, r, in: inputs, out }: LoraWeights,
  scale: number,
): Float32Array {
  const norms = new Float32Array(out);
  const row = new Float64Array(inputs);
  for (let o = 0; o < out; o++) {
    row.set(W.subarray(o * inputs, (o + 1) * inputs));
    for (let k = 0; k < r; k++) {
      const factor = scale * B[o * r + k]!;
      if (factor !== 0) for (let i = 0; i < inputs; i++) row[i]! += factor * A[k * inputs + i]!;
    }
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += row[i]! * row[i]!;
    norms[o] = Math.sqrt(sum);
  }
  return norms;
}

/**
 * An adapter whose A and B began as a part of the base's weight, as one over the weight itself: with start A₀, B₀,
 *   W - s·B₀·A₀ + s·B·A = W + s·[B, -B₀]·[A; A₀]
 * of twice the rank and the same scale s, which is what PEFT's path_initial_model_for_weight_conversion makes. Others
 * stay as they are.
 */
export function plainLora(adapter: LoraAdapter): LoraAdapter {
  if (![...adapter.modules.values()].some(({ start }) => start)) return adapter;
  return {
    ...adapter,
    config: doubled(adapter.config),
    modules: new Map(
      [...adapter.modules].map(([module, weights]) => [module, joined(weights, module, adapter.config)]),
    ),
  };
}

/** Twice the rank at the same scale: alpha grows as what it is divided by. */
function doubled({ initLoraWeights: _, ...config }: LoraConfig): LoraConfig {
  const factor = config.useRslora ? Math.SQRT2 : 2;
  const times = (patterns: Record<string, number>, n: number) =>
    Object.fromEntries(Object.entries(patterns).map(([key, value]) => [key, value * n]));
  return {
    ...config,
    r: 2 * config.r,
    alpha: factor * config.alpha,
    ...(config.rankPattern && { rankPattern: times(config.rankPattern, 2) }),
    ...(config.alphaPattern && { alphaPattern: times(config.alphaPattern, factor) }),
  };
}

function joined(weights: LoraWeights, module: string, config: LoraConfig): LoraWeights {
  const { A, B, start, in: inputs, out, embedding } = weights;
  const r = rankOf(config, module);
  const first = start ?? { A: new Float32Array(A.length), B: new Float32Array(B.length) };
  const joinedA = new Float32Array(2 * r * inputs); // [2r, in]
  joinedA.set(A);
  joinedA.set(first.A, A.length);
  const joinedB = new Float32Array(out * 2 * r); // [out, 2r]
  for (let o = 0; o < out; o++)
    for (let k = 0; k < r; k++) {
      joinedB[o * 2 * r + k] = B[o * r + k]!;
      joinedB[o * 2 * r + r + k] = -first.B[o * r + k]!;
    }
  return { r: 2 * r, in: inputs, out, A: joinedA, B: joinedB, ...(embedding && { embedding }) };
}
