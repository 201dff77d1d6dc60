import { readTensorBytes, type TensorEntry } from "../../files/safetensors.ts";
import { AttuneError } from "../../text/errors.ts";
import { ofBase } from "../peft/tensor_names.ts";
import type { WeighedAdapter } from "./combine_adapters.ts";

/**
 * Adapters that bring weights of the base along, as those for an enlarged vocabulary do, can be combined over one base only.
 * @throws AttuneError when two bring different values of one weight.
 */
export async function requireSameStored(
  inputs: readonly Pick<WeighedAdapter, "name" | "adapter">[],
): Promise<void> {
  const known = new Map<string, { name: string; entry: TensorEntry }>();
  for (const { name, adapter } of inputs)
    for (const [key, entry] of adapter.stored ?? []) {
      const weight = ofBase(key);
      const first = known.get(weight);
      if (!first) known.set(weight, { name, entry });
      else if (!(await isSame(first.entry, entry))) throw differ(weight, first.name, name);
    }
}

async function isSame(a: TensorEntry, b: TensorEntry): Promise<boolean> {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  const [one, other] = [await readTensorBytes(a), await readTensorBytes(b)];
  return one.every((byte, i) => byte === other[i]);
}

const differ = (weight: string, first: string, second: string) =>
  new AttuneError({
    code: "adapters.other-stored",
    problem: `${first} and ${second} bring different values of ${weight} along: they were made over different bases`,
    wayOut: "Combine adapters of one base",
  });
