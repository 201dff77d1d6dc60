import type { TensorEntry } from "../files/safetensors.ts";
import { haveSameValues } from "../files/same_values.ts";
import { checkSizes, checkTensors } from "../models/check_tensors.ts";
import { readModel } from "../models/families.ts";
import type { Model } from "../models/family.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import type { ModelDirectory } from "./model_folder.ts";
import { within } from "./within.ts";

/** A model directory and the model it describes, which fit together. */
export interface OpenModel {
  directory: ModelDirectory;
  model: Model;
}

/**
 * The model that a config describes, checked against the weights.
 * @param path what messages call the directory
 * @throws AttuneError that names the file and the key or tensor at fault.
 */
export async function fitModel(found: ModelDirectory, path: string): Promise<OpenModel> {
  const hasWeights = found.tensors.size > 0;
  if (hasWeights) checkSizes(found.config, found.tensors, path);
  const said = within(path, () => readModel(found.config));
  const directory = await withOwnEnds(found, said);
  const model = directory.config === found.config ? said : within(path, () => readModel(directory.config));
  if (hasWeights) checkTensors(model, directory.tensors, path);
  return { directory, model };
}

/**
 * The ends of a tied model as transformers 5 takes them from the files: two that differ are both kept, and the model isn't
 * tied; of two that are equal one is left away, which one of them is the only one may be.
 */
async function withOwnEnds(directory: ModelDirectory, { tied, ends }: Model): Promise<ModelDirectory> {
  const { tensors, config } = directory;
  const [embedding, head] = [`${ends.embedding}.weight`, `${ends.head}.weight`];
  const [first, last] = [tensors.get(embedding), tensors.get(head)];
  if (!tied || !last) return directory;
  if (first && !(await areEqual(first, last)))
    return { ...directory, config: { ...config, tie_word_embeddings: false } };
  const rest = new Map(tensors);
  rest.delete(head);
  if (!first) rest.set(embedding, { ...last, name: embedding });
  return { ...directory, tensors: rest };
}

const areEqual = async (a: TensorEntry, b: TensorEntry): Promise<boolean> =>
  !isQuantized(a) && !isQuantized(b) && (await haveSameValues(a, b));
