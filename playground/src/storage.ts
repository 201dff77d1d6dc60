/** What stays in the browser between visits: files in the origin private file system. Page and worker share it. */

export interface Storage {
  read(name: string): Promise<File | undefined>;
  /** Replaces the file at once: whoever reads meanwhile, or after a crash, finds the earlier one. */
  write(name: string, content: Blob | Uint8Array | string | ReadableStream<Uint8Array>): Promise<void>;
  remove(name: string): Promise<void>;
  /** Of the files, those of `folder` alone. */
  names(folder: string): Promise<string[]>;
}

const ROOT = "attune-playground";

/** Undefined where the browser keeps nothing: in a private window, or without a safe way to write. */
export async function openStorage(): Promise<Storage | undefined> {
  try {
    if (!("createWritable" in FileSystemFileHandle.prototype)) return undefined;
    const origin = await navigator.storage.getDirectory();
    return storageIn(await origin.getDirectoryHandle(ROOT, { create: true }));
  } catch {
    return undefined;
  }
}

function storageIn(root: FileSystemDirectoryHandle): Storage {
  /** "model/config.json": one folder at most. */
  const place = async (path: string, create: boolean) => {
    const [name, folder] = path.split("/").reverse() as [string, string?];
    return { name, directory: folder ? await root.getDirectoryHandle(folder, { create }) : root };
  };
  return {
    async read(path) {
      try {
        const { name, directory } = await place(path, false);
        return await (await directory.getFileHandle(name)).getFile();
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    async write(path, content) {
      const { name, directory } = await place(path, true);
      const writable = await (await directory.getFileHandle(name, { create: true })).createWritable();
      if (content instanceof ReadableStream) return content.pipeTo(writable);
      await writable.write(content as Blob);
      await writable.close();
    },
    async remove(path) {
      try {
        const { name, directory } = await place(path, false);
        await directory.removeEntry(name, { recursive: true });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
    async names(folder) {
      const directory = await root.getDirectoryHandle(folder, { create: true });
      const names: string[] = [];
      for await (const name of directory.keys()) names.push(name);
      return names;
    },
  };
}

/** What `write` gives, or nothing where the browser has no more room. */
export async function withRoom<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    if (isFull(error)) return undefined;
    throw error;
  }
}

export const isFull = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "QuotaExceededError";

const isMissing = (error: unknown) => error instanceof DOMException && error.name === "NotFoundError";
