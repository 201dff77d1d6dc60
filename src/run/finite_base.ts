import { checkUnchangedFiles } from "../files/file_hash.ts";
import { requireFiniteWeights } from "../pretrained/finite_weights.ts";
import type { OpenModel } from "../pretrained/open_model.ts";

/**
 * Refuses a base with a weight that is NaN or infinite. Files that were read for that once aren't read again, as long as they
 * stay as they are.
 */
export async function requireFiniteBase(opened: OpenModel): Promise<void> {
  const { directory, model } = opened;
  const files = new Set([...directory.tensors.values()].map(({ file }) => file));
  const about = `finite${model.tied ? ", tied" : ""}`; // which decides about the embedding
  await checkUnchangedFiles(files, about, () => requireFiniteWeights(opened));
}
