import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Bytes of all files below `path`; 0 where there is nothing. What goes away meanwhile is not counted. */
export async function bytesOnDisk(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries)
    if (entry.isFile())
      bytes += await stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      );
  return bytes;
}
