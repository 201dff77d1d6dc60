import { cpSync } from "node:fs";
import { join } from "node:path";
import { copyOf, type TensorSource } from "../safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../safetensors_file.ts";

/**
 * A copy of the model directory `from`, whose one file of weights gets an output layer `head` of its own: the rows of its
 * `embedding`, each in the place of the next.
 */
export async function ownHeadCopy(
  from: string,
  to: string,
  [embedding, head] = ["model.embed_tokens.weight", "lm_head.weight"],
): Promise<string> {
  cpSync(from, to, { recursive: true });
  const { tensors } = await readSafetensorsHeader(join(from, "model.safetensors"));
  const sources = [...tensors.values()].map(copyOf);
  await writeSafetensors(join(to, "model.safetensors"), [
    ...sources,
    rolled(sources.find(({ name }) => name === embedding)!, head!),
  ]);
  return to;
}

/** Each row of the matrix `source` the one before. */
export const rolled = (source: TensorSource, name: string): TensorSource => ({
  ...source,
  name,
  async data() {
    const bytes = (await source.data()) as Uint8Array;
    const width = bytes.length / source.shape[0]!;
    return Buffer.concat([bytes.subarray(-width), bytes.subarray(0, -width)]);
  },
});
