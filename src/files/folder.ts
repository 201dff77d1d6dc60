import { AttuneError } from "../text/errors.ts";
import { type ByteSource, bytesInBlob, bytesInMemory } from "./byte_source.ts";
import { decodeText, parseJsonFile, parseJsonObject } from "./json_text.ts";
import { openSafetensors, type SafetensorsHeader } from "./safetensors.ts";

/** Files that belong together, as a model's directory or an adapter's holds them: on a disk, or in memory. */
export interface Folder {
  /** What messages call it. */
  path: string;
  /** What messages call one of its files. */
  place(name: string): string;
  /** Names of its files and folders, or of those of a folder in it; none where there is no such folder. */
  names(folder?: string): Promise<string[]>;
  /** A file's text, UTF-8; undefined when there is no such file. @throws AttuneError when it is too large, or no text. */
  text(name: string, limit?: number): Promise<string | undefined>;
  /** Where a safetensors file's tensors lie; undefined when there is no such file. */
  safetensors(name: string): Promise<SafetensorsHeader | undefined>;
}

/** JSON as Python writes it; undefined when there is no such file. */
export async function jsonIn(folder: Folder, name: string): Promise<unknown> {
  const text = await folder.text(name);
  return text === undefined ? undefined : parseJsonFile(text, folder.place(name));
}

/** @throws AttuneError when the file holds anything but an object. */
export async function objectIn(folder: Folder, name: string): Promise<Record<string, unknown> | undefined> {
  const text = await folder.text(name);
  return text === undefined ? undefined : parseJsonObject(text, folder.place(name));
}

/** Files by name, "/" between a folder's and a file's. Of a Blob no more is read than is needed. */
export type MemoryFiles = Readonly<Record<string, Uint8Array | ArrayBuffer | string | Blob>>;

/** @param path what messages call it */
export function memoryFolder(files: MemoryFiles, path: string): Folder {
  const place = (name: string) => `${path}/${name}`;
  const sourceOf = (name: string) => (Object.hasOwn(files, name) ? asSource(files[name]!) : undefined);
  return {
    path,
    place,
    async names(folder) {
      const start = folder === undefined ? "" : `${folder}/`;
      const inside = Object.keys(files).filter((name) => name.startsWith(start));
      return [...new Set(inside.map((name) => name.slice(start.length).split("/", 1)[0]!))];
    },
    async text(name, limit = Number.POSITIVE_INFINITY) {
      const { bytes, blob } = sourceOf(name) ?? {};
      const size = bytes?.length ?? blob?.size ?? 0;
      if (size > limit)
        throw new AttuneError({
          code: "files.too-large",
          place: place(name),
          problem: `the file has ${size} bytes, more than the limit of ${limit}`,
        });
      const content = blob ? new Uint8Array(await blob.arrayBuffer()) : bytes;
      return content && decodeText(content, place(name));
    },
    async safetensors(name) {
      const source = sourceOf(name);
      return source && openSafetensors(source, place(name));
    },
  };
}

function asSource(content: MemoryFiles[string]): ByteSource {
  if (content instanceof Blob) return bytesInBlob(content);
  if (typeof content === "string") return bytesInMemory(new TextEncoder().encode(content));
  return bytesInMemory(content instanceof Uint8Array ? content : new Uint8Array(content));
}
