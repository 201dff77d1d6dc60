import { decompose } from "./decompose.ts";
import { isDecomposed, type LoraConfig, rankOf, scaleOf } from "./lora_config.ts";
import { rowNorms } from "./magnitude.ts";
import type { LoraWeights } from "./peft.ts";
import type { LayerShape } from "./sites.ts";

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

/**
 * What of a start depends on the base's weights, which `weightOf` reads as [out, in] in float32: DoRA's magnitudes, and A
 * and B that are a part of the weight.
 */
export async function startFromWeights(
  modules: ReadonlyMap<string, LoraWeights>,
  config: LoraConfig,
  weightOf: (module: string) => Promise<Float32Array>,
  uniform: Uniform,
): Promise<Map<string, LoraWeights>> {
  const started = new Map(modules);
  for (const [module, weights] of modules) {
    if (isDecomposed(config.initLoraWeights) && !weights.embedding) {
      const matrix = { data: await weightOf(module), rows: weights.out, columns: weights.in };
      const scale = scaleOf(config, module, weights.r);
      const normal = (index: number) => {
        const one = new Float32Array(1);
        fillNormal(one, 1, `${module}.lora_start`, (purpose, i) => uniform(purpose, 2 * index + i));
        return one[0]!;
      };
      const start = decompose(config.initLoraWeights, matrix, weights.r, scale, normal);
      started.set(module, { ...weights, A: start.A.slice(), B: start.B.slice(), start });
    }
    if (config.useDora) {
      const scale = scaleOf(config, module, weights.r);
      started.set(module, { ...weights, magnitude: rowNorms(await weightOf(module), weights, scale) });
    }
  }
  return started;
}
