/** Writes a GGUF file piece by piece, and reads each piece back. */
import type { FileHandle } from "node:fs/promises";
import { createCheckedWriter } from "../checked_writer.ts";
import { aligned, type GgufMetadata, type GgufTensorInfo, ggufHeader, tensorBytes } from "./gguf_header.ts";

export interface GgufContent<T extends GgufTensorInfo = GgufTensorInfo> {
  metadata: GgufMetadata;
  tensors: readonly T[];
  /** The bytes of a tensor, in order; each piece is written before the next is made. */
  content(tensor: T): AsyncIterable<Uint8Array>;
  onBytes?: (done: number, total: number) => void;
}

/** @throws AttuneError when the file holds something else than was written. */
export async function writeGguf<T extends GgufTensorInfo>(
  file: FileHandle,
  { metadata, tensors, content, onBytes }: GgufContent<T>,
): Promise<void> {
  const header = ggufHeader(metadata, tensors);
  const total = tensors.reduce((end, tensor) => aligned(end + tensorBytes(tensor)), header.length);
  const { write, position } = createCheckedWriter(file);
  write(header);
  for (const tensor of tensors) {
    onBytes?.(position(), total);
    const end = position() + tensorBytes(tensor);
    for await (const bytes of content(tensor)) write(bytes);
    if (position() !== end) throw new Error(`${tensor.name} took ${position() - end} bytes too many`);
    write(new Uint8Array(aligned(end) - end));
  }
}
