import { torchName } from "../files/dtype.ts";
import { describeNotFinite, findNotFinite } from "../files/not_finite.ts";
import { spoiledWeight } from "../pretrained/finite_weights.ts";
import type { ModelDirectory } from "../pretrained/model_directory.ts";
import { AttuneError } from "../text/errors.ts";

/** Why logits are not numbers: a weight of the base, what a weight became in `written`, or the sums themselves. */
export async function spoiledMerge(
  base: ModelDirectory,
  written: ModelDirectory,
  output: string,
): Promise<AttuneError> {
  const ofBase = await spoiledWeight(base.tensors.values());
  if (ofBase) return ofBase;
  const found = await findNotFinite(written.tensors.values());
  const { name, dtype } = found?.entry ?? {};
  const what = found
    ? `with the adapter, ${name} is ${describeNotFinite(found)}, which ${torchName(dtype!)} can't hold as a number`
    : "base and adapter compute no numbers: their sums grow beyond float32";
  return new AttuneError({
    code: "export.not-finite",
    place: output,
    problem: `${what}. Nothing was kept`,
    wayOut: "Look at the adapter's weights: they are far larger than those of adapters that work",
  });
}
