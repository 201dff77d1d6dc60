import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dataKindOf, endingOf } from "../../data/files/data_kinds.ts";
import { writeDirectoryAtomic } from "../../files/atomic.ts";
import { ApiError } from "../api_error.ts";
import { nowInSeconds, orderedId } from "../new_id.ts";

/** OpenAI's file object. */
export interface StoredFile {
  id: string;
  object: "file";
  bytes: number;
  created_at: number;
  /** As its owner calls it: never part of a path. */
  filename: string;
  purpose: string;
  status: "processed";
}

/** Uploaded files, a directory each: what they are, and what they hold. */
export interface FileStore {
  add(filename: string, purpose: string, content: Uint8Array): Promise<StoredFile>;
  list(): Promise<StoredFile[]>;
  /** @throws ApiError when there is none of this id. */
  find(id: string): Promise<StoredFile>;
  contentPath(file: StoredFile): string;
  remove(id: string): Promise<void>;
}

const ID = /^file-[0-9a-f]{32}$/;

/** The ending says how it is read: JSON lines, as the API has them, where the name has none that is known. */
function contentName({ filename }: StoredFile): string {
  const ending = endingOf(filename);
  const compression = /\.(gz|zst)$/i.exec(filename)?.[0].toLowerCase() ?? "";
  return dataKindOf(filename) ? `content.${ending}${compression}` : "content.jsonl";
}

export async function openFileStore(root: string): Promise<FileStore> {
  await mkdir(root, { recursive: true });
  const contentPath = (file: StoredFile) => join(root, file.id, contentName(file));
  const read = async (id: string): Promise<StoredFile> =>
    JSON.parse(await readFile(join(root, id, "file.json"), "utf8"));
  const find = async (id: string) => {
    const found = ID.test(id) ? await read(id).catch(() => undefined) : undefined;
    if (found) return found;
    throw new ApiError({
      status: 404,
      message: `No such File object: ${id}.`,
      param: "id",
      reason: "file_not_found",
    });
  };
  return {
    contentPath,
    find,
    async add(filename, purpose, content) {
      const file: StoredFile = {
        id: orderedId("file"),
        object: "file",
        bytes: content.length,
        created_at: nowInSeconds(),
        filename,
        purpose,
        status: "processed",
      };
      await writeDirectoryAtomic(join(root, file.id), async (directory) => {
        await writeFile(join(directory, contentName(file)), content);
        await writeFile(join(directory, "file.json"), `${JSON.stringify(file, null, 2)}\n`);
      });
      return file;
    },
    async list() {
      const ids = (await readdir(root)).filter((name) => ID.test(name));
      const files = await Promise.all(ids.map((id) => read(id).catch(() => undefined)));
      return files.filter((file) => file !== undefined).sort(newestFirst);
    },
    async remove(id) {
      await find(id);
      await rm(join(root, id), { recursive: true });
    },
  };
}

export const newestFirst = (a: { created_at: number; id: string }, b: { created_at: number; id: string }) =>
  b.created_at - a.created_at || (a.id < b.id ? 1 : -1);
