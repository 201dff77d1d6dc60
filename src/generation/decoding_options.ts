import type { TensorEntry } from "../files/safetensors.ts";
import type { SessionOptions } from "../runtime/session.ts";

/** 16-bit weights are kept widened where memory allows: to widen them for each token takes longer than all else. */
export function decodingOptions(
  { device = "cpu", threads }: Partial<Pick<SessionOptions, "device" | "threads">>,
  tensors: ReadonlyMap<string, TensorEntry>,
) {
  let widened = 0;
  for (const { dtype, byteLength } of tensors.values())
    if (dtype === "BF16" || dtype === "F16") widened += 2 * byteLength;
  return { device, threads, foldConstants: widened < process.availableMemory() / 2 };
}
