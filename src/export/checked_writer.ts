/** Writes a file piece by piece, and reads each piece back. */
import type { FileHandle } from "node:fs/promises";
import { AttuneError } from "../text/errors.ts";

export interface CheckedWriter {
  /** Writes bytes behind those before. They must stay as they are until the next but one is written. */
  write(bytes: Uint8Array): Promise<void>;
  position(): number;
  /** When all is written and read back. */
  done(): Promise<void>;
}

/** Each piece is written and read back while the next is made. @throws AttuneError when the file holds something else. */
export function createCheckedWriter(file: FileHandle): CheckedWriter {
  const readBack = createReadBack(file);
  let at = 0;
  let writing: Promise<void> = Promise.resolve();
  return {
    async write(bytes) {
      await writing;
      writing = readBack(bytes, at);
      writing.catch(() => {}); // thrown when its turn comes
      at += bytes.length;
    },
    position: () => at,
    done: () => writing,
  };
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

/** Fills `buffer` from `position` on: how much there was. */
export type ReadAt = (buffer: Uint8Array, position: number) => Promise<number>;

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
