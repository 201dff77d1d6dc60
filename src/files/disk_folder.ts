import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { diskError, errorCode } from "./disk_error.ts";
import type { Folder } from "./folder.ts";
import { ifThere, readTextFile } from "./json_file.ts";
import { readSafetensorsHeader } from "./safetensors_file.ts";

/** A directory. Its methods throw AttuneError when the disk refuses. */
export function diskFolder(path: string): Folder {
  const place = (name: string) => join(path, name);
  return {
    path,
    place,
    async names(folder = "") {
      const directory = join(path, folder);
      return readdir(directory).catch((error) => {
        if (folder && errorCode(error) === "ENOENT") return [];
        throw diskError(error, "read", directory);
      });
    },
    text: (name, limit) => ifThere(readTextFile(place(name), limit)),
    safetensors: async (name) =>
      (await exists(place(name))) ? readSafetensorsHeader(place(name)) : undefined,
  };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
