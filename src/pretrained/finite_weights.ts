import { describeNotFinite, findNotFinite } from "../files/not_finite.ts";
import { readTensorBytes, type TensorEntry } from "../files/safetensors.ts";
import { isStacked, storedParts } from "../quantization/quantized_entry.ts";
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
    const found = await findNotFinite(storedParts(entry));
    if (found) return notFinite(entry, `${found.entry.name} is ${describeNotFinite(found)}`);
    const exponents = await exponentOfNoNumber(entry);
    if (exponents) return notFinite(entry, `${exponents} holds the exponent 255, which is no number`);
  }
  return undefined;
}

/** The name of MXFP4's exponents that hold 255. */
async function exponentOfNoNumber(entry: TensorEntry): Promise<string | undefined> {
  for (const { parts } of isStacked(entry) ? entry.matrices : [])
    if (parts.type === "mxfp4" && (await readTensorBytes(parts.scales)).includes(255))
      return parts.scales.name;
  return undefined;
}

const notFinite = ({ file }: TensorEntry, what: string) =>
  new AttuneError({
    code: "pretrained.weight-not-finite",
    place: file,
    problem: `the base's ${what}, and nothing can be computed from that`,
    wayOut: "Fetch the model again, or save it anew from a checkpoint whose weights are numbers",
  });
