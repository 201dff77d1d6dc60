import type { Base } from "../pretrained/base_of.ts";
import { AttuneError } from "../text/errors.ts";

/** What WASM's 32-bit addresses reach, less an eighth for what is computed. */
const ROOM = 3.5 * 2 ** 30; // bytes

/**
 * Refuses weights that don't fit into WASM's memory, before the runtime runs out of it in the middle of loading.
 * @throws AttuneError that says how much they take.
 */
export function requireWasmMemory({ directory }: Base): void {
  const bytes = bytesOf(directory.tensors.values());
  if (bytes <= ROOM) return;
  throw new AttuneError({
    code: "run.too-large-for-wasm",
    place: directory.path,
    problem: `its weights take ${gigabytes(bytes)}, and WASM has memory for ${gigabytes(ROOM)} of them`,
    wayOut:
      "Choose a smaller model, or one whose files are quantized; or use device: webgpu, or attune in Node",
  });
}

/** Whether 16-bit weights may be kept widened to float32 beside their own: answers are written faster then. */
export function fitsWidened({ directory }: Base): boolean {
  const all = [...directory.tensors.values()];
  const narrow = all.filter(({ dtype }) => dtype === "BF16" || dtype === "F16");
  return bytesOf(all) + 2 * bytesOf(narrow) <= ROOM / 2;
}

function bytesOf(tensors: Iterable<{ byteLength: number }>): number {
  let bytes = 0;
  for (const { byteLength } of tensors) bytes += byteLength;
  return bytes;
}

const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
