import { open } from "node:fs/promises";
import type { ByteSource } from "./byte_source.ts";

/** Files by their paths. */
export const DISK: ByteSource = {
  async open(file) {
    const handle = await open(file, "r");
    return {
      size: (await handle.stat()).size,
      read: async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead,
      close: () => handle.close(),
    };
  },
};
