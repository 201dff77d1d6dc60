import type { LoraWeights } from "../adapter.ts";
import type { LayerShape } from "../targets/sites.ts";
import { decompose } from "./decompose.ts";
import { isDecomposed, type LoraConfig, rankOf, scaleOf } from "./lora_config.ts";
import { rowNorms } from "./magnitude.ts";

/** A number of [0, 1) that depends on nothing but these: a module's start does not depend on which others are adapted. */
export type Uniform = (purpose: string, index: number) => number;

type Shape = LayerShape & { embedding?: boolean };

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
  const [A, B] = [new Float32Array(r * shape.in), new Float32Array(shape.out * r)];
  if (init === "gaussian") fillNormal(A, 1 / r, `${module}.lora_A`, uniform);
  else fillUniform(A, 1 / Math.sqrt(shape.in), `${module}.lora_A`, uniform);
  if (init === false) fillUniform(B, 1 / Math.sqrt(r), `${module}.lora_B`, uniform);
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

/** Hears how many modules are done, of how many, before each. */
export type OnModule = (done: number, total: number) => void;

/** Readers of a base's weights as [out, in] in float32, as the base has them, and before they were quantized. */
export interface BaseWeights {
  weightOf(module: string): Promise<Float32Array>;
  unquantizedOf(module: string): Promise<Float32Array>;
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
