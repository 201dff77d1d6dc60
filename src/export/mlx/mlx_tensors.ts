/** A model's parameters by the names and shapes that mlx-lm has for them. */

import type { TensorSource, TypedArray } from "../../files/safetensors.ts";
import { moduleOf } from "../../files/tensor_names.ts";
import type { Model } from "../../models/family.ts";
import { modelLayout } from "../../models/layout.ts";
import { groupBy } from "../../text/group_by.ts";
import type { Weight } from "../model_weights.ts";
import { type Numbers, turned } from "../numbers.ts";
import type { MlxDescription } from "./mlx_description.ts";
import { type MlxPart, mlxModule, mlxRules } from "./mlx_rules.ts";

/** Matrices as [out, in], stacked experts as [experts, out, in]. */
export function mlxTensors(
  model: Model,
  weights: ReadonlyMap<string, Weight>,
  { head }: Pick<MlxDescription, "head">,
): TensorSource[] {
  const { transposed } = modelLayout(model);
  const rules = mlxRules(model.modelType);
  const read = [...weights.values()].filter(({ name }) => !rules.dropped?.test(name));
  const groups = groupBy(read, ({ name }) => nameThere(model.modelType, name));
  const embedding = weights.get(`${model.ends.embedding}.weight`)!;
  const ownHead = nameThere(model.modelType, `${model.ends.head}.weight`);
  if (model.tied && head === "required" && !groups.has(ownHead)) groups.set(ownHead, [embedding]);
  return Array.from(groups, ([name, members]) => {
    const parts = rules.parts?.(name, members[0]!.shape);
    return parts ? parts.map((part) => partOf(members[0]!, part)) : [source(name, members, transposed)];
  }).flat();
}

/** mlx-lm's name of a parameter. */
export function nameThere(modelType: string, name: string): string {
  const module = moduleOf(name);
  return mlxModule(modelType, module) + name.slice(module.length);
}

const partOf = (weight: Weight, { name, shape, take = (numbers) => numbers }: MlxPart): TensorSource => ({
  name,
  dtype: weight.dtype,
  shape: [...shape],
  data: async () => values(take(await whole(weight, false)), weight.dtype),
});

function source(name: string, members: readonly Weight[], transposed: ReadonlySet<string>): TensorSource {
  const [first] = members as [Weight];
  const isTurned = transposed.has(moduleOf(first.name));
  const shape = isTurned ? first.shape.toReversed() : first.shape;
  const isStacked = /\.switch_mlp\./.test(name);
  return {
    name,
    dtype: first.dtype,
    shape: isStacked ? [members.length, ...shape] : [...shape],
    async data() {
      const parts: Numbers[] = [];
      for (const weight of members) parts.push(await whole(weight, isTurned));
      return parts.length === 1 ? values(parts[0]!, first.dtype) : joined(parts, first.dtype);
    },
  };
}

async function whole({ shape, read }: Weight, isTurned: boolean): Promise<Numbers> {
  const count = shape.reduce((product, size) => product * size, 1);
  const numbers = await read(0, count);
  return isTurned ? turned(numbers, shape[0]!, shape[1]!) : numbers;
}

/** What is float32 is rounded to the tensor's type as it is written. */
function values({ dtype, data }: Numbers, wanted: Numbers["dtype"]): TypedArray {
  if (dtype !== "F32" && dtype !== wanted)
    throw new Error(`a weight of type ${dtype} in a tensor of ${wanted}`);
  return data;
}

function joined(parts: readonly Numbers[], wanted: Numbers["dtype"]): TypedArray {
  const all = parts.map((part) => values(part, wanted)) as (Float32Array | Uint16Array)[];
  const length = all.reduce((sum, part) => sum + part.length, 0);
  const out = parts[0]!.dtype === "F32" ? new Float32Array(length) : new Uint16Array(length);
  let at = 0;
  for (const part of all) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
