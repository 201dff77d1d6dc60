/** safetensors files on the disk. */
import { realpath, stat } from "node:fs/promises";
import { AttuneError } from "../text/errors.ts";
import { writeFileAtomic } from "./atomic.ts";
import { diskError } from "./disk_error.ts";
import { DISK } from "./disk_source.ts";
import {
  openSafetensors,
  type SafetensorsHeader,
  safetensorsContent,
  type TensorSource,
} from "./safetensors.ts";

/** Reads and checks the header only. Links are followed. @throws AttuneError naming the file and what is wrong with it. */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  try {
    const file = await realpath(path);
    const isFile = (await stat(file)).isFile(); // before opening: a pipe would wait for a writer
    if (!isFile)
      throw new AttuneError({
        code: "files.not-a-file",
        place: path,
        problem: "this is not a file",
        expected: "a .safetensors file",
      });
    return await openSafetensors(DISK, file, path);
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

/** Writes `path` whole or not at all. @throws AttuneError when the disk refuses. */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorSource>,
  metadata: Record<string, string> = {},
): Promise<void> {
  await writeFileAtomic(path, safetensorsContent(tensors, metadata));
}
