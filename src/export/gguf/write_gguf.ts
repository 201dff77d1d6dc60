/** Writes a GGUF file piece by piece, and reads each piece back. */
import type { FileHandle } from "node:fs/promises";
import { AttuneError } from "../../text/errors.ts";
import { aligned, type GgufMetadata, type GgufTensorInfo, ggufHeader, tensorBytes } from "./gguf_header.ts";
import type { ReadAt } from "./read_gguf.ts";

export interface GgufContent<T extends GgufTensorInfo = GgufTensorInfo> {
  metadata: GgufMetadata;
  tensors: readonly T[];
  /** The bytes of a tensor, in order; each piece must stay as it is while the next is made. */
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
  const readBack = createReadBack(file);
  let at = 0;
  let writing: Promise<void> = Promise.resolve();
  const write = async (bytes: Uint8Array) => {
    await writing;
    writing = readBack(bytes, at);
    writing.catch(() => {}); // thrown when its turn comes
    at += bytes.length;
  };
  await write(header);
  for (const tensor of tensors) {
    onBytes?.(at, total);
    const end = at + tensorBytes(tensor);
    for await (const bytes of content(tensor)) await write(bytes);
    if (at !== end) throw new Error(`${tensor.name} took ${at - end} bytes too many`);
    await write(new Uint8Array(aligned(at) - at));
  }
  await writing;
}

/** Writes bytes at a place of the file, and compares them with what then stands there. */
function createReadBack(file: FileHandle) {
  let space = new Uint8Array(0);
  const readAt = readerOf(file);
  return async (bytes: Uint8Array, position: number): Promise<void> => {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
      at += bytesWritten;
    }
    if (space.length < bytes.length) space = new Uint8Array(bytes.length);
    const read = space.subarray(0, bytes.length);
    const length = await readAt(read, position);
    if (length === bytes.length && Buffer.compare(read, bytes) === 0) return;
    throw new AttuneError({
      code: "export.read-back",
      problem: `the disk gives back other bytes than were written, from byte ${position} on. Nothing was kept`,
      wayOut: "Check the disk, or choose another place",
    });
  };
}

export const readerOf =
  (file: FileHandle): ReadAt =>
  async (buffer, position) => {
    let at = 0;
    while (at < buffer.length) {
      const { bytesRead } = await file.read(buffer, at, buffer.length - at, position + at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return at;
  };
