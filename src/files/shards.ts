/** How a model is cut into files of bounded size, as huggingface_hub's `split_torch_state_dict_into_shards` cuts it. */

/**
 * In the given order, each shard takes what still fits; a tensor larger than the bound gets a shard of its own.
 * `sizes`: bytes of each tensor. Returns the shards' file names and members; one alone is `model.safetensors`.
 */
export function planShards<T>(
  tensors: readonly T[],
  sizeOf: (tensor: T) => number,
  maxShardBytes: number,
): Map<string, T[]> {
  const shards: T[][] = [];
  let open: T[] = [];
  let openBytes = 0;
  for (const tensor of tensors) {
    const bytes = sizeOf(tensor);
    if (bytes > maxShardBytes) {
      shards.push([tensor]);
      continue;
    }
    if (openBytes + bytes > maxShardBytes) {
      shards.push(open);
      [open, openBytes] = [[], 0];
    }
    open.push(tensor);
    openBytes += bytes;
  }
  if (open.length > 0) shards.push(open);
  return new Map(shards.map((members, i) => [fileName(i, shards.length), members]));
}

function fileName(i: number, count: number): string {
  if (count === 1) return "model.safetensors";
  const five = (n: number) => String(n).padStart(5, "0");
  return `model-${five(i + 1)}-of-${five(count)}.safetensors`;
}
