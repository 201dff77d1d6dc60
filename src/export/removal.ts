/** What taking an adapter out of a merged model needs. */
import type { Adapter } from "../adapters/adapter.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import { ofBase } from "../adapters/peft/tensor_names.ts";
import type { LayerShape } from "../adapters/targets/sites.ts";
import { type Dtype, readTensor } from "../files/safetensors.ts";
import type { ModelDirectory } from "../pretrained/model_directory.ts";
import { isCoded } from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";

/**
 * The adapter whose merge takes that of `adapter` back.
 * @throws AttuneError when the merge lost what would have to come back.
 */
export function inverseAdapter(
  { tensors }: ModelDirectory,
  adapter: Adapter,
  linears: ReadonlyMap<string, LayerShape>,
  paths: { model: string; adapter: string },
): Adapter {
  if (adapter.baseModel === paths.model)
    throw new AttuneError({
      code: "export.not-merged",
      place: paths.model,
      problem: `this is the base that ${paths.adapter} was made for: nothing was merged into it`,
    });
  const inverse = kindOf(adapter).inverse(adapter, { linears });
  if ("problem" in inverse)
    throw new AttuneError({ code: "export.lost-by-merge", place: paths.adapter, problem: inverse.problem });
  const { parameters, tokens, stored } = adapter;
  if (parameters || tokens || stored) {
    const names = [parameters, tokens, stored].flatMap((own) => [...(own?.keys() ?? [])]);
    throw new AttuneError({
      code: "export.lost-by-merge",
      place: paths.adapter,
      problem: `the adapter replaces weights of the base (${ofBase(names[0]!)}), and the merged model no longer has these`,
      wayOut: "Keep the base",
    });
  }
  const quantized = [...tensors.values()].find(isCoded);
  if (quantized)
    throw new AttuneError({
      code: "export.unsupported-dtype",
      place: `${paths.model}: ${quantized.name}`,
      expected: "F32, F16 or BF16, to take an adapter out",
      got: "a quantized weight",
    });
  return inverse;
}

/** Half a unit in the last place, relative. */
const ROUNDING: Partial<Record<Dtype, number>> = { F32: 2 ** -24, F16: 2 ** -11, BF16: 2 ** -8 };

/** W was rounded when it was merged, and again now: the largest sum of both at one of `weights`. */
export async function roundingBound(
  merged: ModelDirectory,
  written: ModelDirectory,
  weights: readonly string[],
): Promise<number> {
  let largest = 0;
  for (const name of weights) {
    const entries = [merged, written].map(({ tensors }) => tensors.get(name)!);
    const [before, after] = [await readTensor(entries[0]!), await readTensor(entries[1]!)];
    const rounding = ROUNDING[entries[0]!.dtype] ?? 0;
    for (let i = 0; i < before.length; i++)
      largest = Math.max(largest, rounding * (Math.abs(before[i]!) + Math.abs(after[i]!)));
  }
  return largest;
}
