import { describeNotFinite, findNotFinite } from "../files/not_finite.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { AttuneError } from "../text/errors.ts";
import type { OpenModel } from "./open_model.ts";

/**
 * Refuses a model with a weight that is NaN or infinite, naming it. An embedding of its own is passed over, since a row of
 * it that no token has harms nobody: see `spoiledWeight`.
 */
export async function requireFiniteWeights({ directory, model }: OpenModel): Promise<void> {
  const { embedding } = model.ends;
  const entries = [...directory.tensors.values()];
  const spoiled = await spoiledWeight(
    entries.filter(({ name }) => model.tied || name !== `${embedding}.weight`),
  );
  if (spoiled) throw spoiled;
}

/** The first weight that is NaN or infinite, as an error; nothing where all are numbers. */
export async function spoiledWeight(tensors: Iterable<TensorEntry>): Promise<AttuneError | undefined> {
  for (const entry of tensors) {
    const found = await findNotFinite(floatsOf(entry));
    if (found)
      return new AttuneError({
        code: "pretrained.weight-not-finite",
        place: entry.file,
        problem: `the base's ${found.entry.name} is ${describeNotFinite(found)}, and nothing can be computed from that`,
        wayOut: "Fetch the model again, or save it anew from a checkpoint whose weights are numbers",
      });
  }
  return undefined;
}

/** Where the numbers of a weight lie: of a quantized one, its scales. */
function floatsOf(entry: TensorEntry): TensorEntry[] {
  if (!isQuantized(entry)) return [entry];
  const { parts } = entry;
  const nested = parts.type !== "int8" && parts.nested;
  return nested ? [nested.absmax, nested.map] : [parts.absmax];
}
