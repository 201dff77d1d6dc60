import { AttuneError } from "../../text/errors.ts";
import type { ModelWeights, Weight } from "../model_weights.ts";
import { toFloat32 } from "../numbers.ts";
import type { Description } from "./architectures/description.ts";
import { f32s, type GgufValue } from "./gguf_header.ts";
import { blockParameters } from "./tensor_plan.ts";

/** Parameters that llama.cpp has among its settings: their keys, and the values of all layers. */
export async function learnedSettings(
  { model, weights }: ModelWeights,
  { learned }: Description,
): Promise<[string, GgufValue][]> {
  const entries: [string, GgufValue][] = [];
  for (const [path, key] of Object.entries(learned)) {
    const values: number[] = [];
    for (const name of blockParameters(model, path)) values.push(await slopeOf(weights.get(name)!));
    entries.push([key, f32s(values)]);
  }
  return entries;
}

async function slopeOf(weight: Weight): Promise<number> {
  const [value] = toFloat32(await weight.read(0, 1));
  if (Number.isFinite(value)) return value!;
  throw new AttuneError({
    code: "export.not-finite",
    place: weight.name,
    problem: `is ${value}, and nothing can be computed from that`,
  });
}
