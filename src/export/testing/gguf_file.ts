import { open } from "node:fs/promises";
import { readerOf } from "../checked_writer.ts";
import { decode } from "../gguf/encode.ts";
import { type GgufFile, readGguf } from "../gguf/read_gguf.ts";

export interface OpenGguf extends GgufFile {
  /** The values of a tensor, row-major. */
  values(name: string): Float32Array;
}

/** A GGUF file, read whole. */
export async function openGguf(path: string): Promise<OpenGguf> {
  const file = await open(path);
  try {
    const readAt = readerOf(file);
    const { metadata, tensors } = await readGguf(readAt);
    const all = new Map<string, Float32Array>();
    for (const { name, offset, byteLength, type } of tensors.values()) {
      const bytes = new Uint8Array(byteLength);
      await readAt(bytes, offset);
      all.set(name, decode(bytes, type));
    }
    return { metadata, tensors, values: (name) => all.get(name)! };
  } finally {
    await file.close();
  }
}
