import { type LoraAdapter, requireLora } from "../../adapters/kinds/lora.ts";
import { readAdapterDirectory } from "../../adapters/peft/adapter_directory.ts";

/** A LoRA adapter of a directory. */
export const readLora = async (path: string): Promise<LoraAdapter> =>
  requireLora(await readAdapterDirectory(path), path, "read here");
