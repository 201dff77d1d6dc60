import type { FileHandle } from "node:fs/promises";
import type { AsyncBuffer } from "hyparquet";
import { AttuneError } from "../../text/errors.ts";
import { checkSize } from "./parquet_rows.ts";

/** A file to be read at any place. */
export async function fileBuffer(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return { byteLength: size, slice: (start, end = size) => readAt(handle, start, Math.min(end, size)) };
}

async function readAt(handle: FileHandle, start: number, end: number): Promise<ArrayBuffer> {
  checkSize(end - start, "a part");
  const bytes = new Uint8Array(Math.max(0, end - start));
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, at, bytes.length - at, start + at);
    if (bytesRead === 0)
      throw new AttuneError({
        code: "data.file-changed",
        problem: "the file became shorter while it was read",
      });
    at += bytesRead;
  }
  return bytes.buffer;
}
