/** Files as a page has them: beside bytes and Blobs, handles of its storage, which are opened, and addresses, which are fetched. */
import { AttuneError } from "../text/errors.ts";
import { CHAT_TEMPLATE_DIRECTORY } from "./companion_files.ts";
import { type FetchOptions, fetchBlob } from "./fetch_file.ts";
import type { MemoryFiles } from "./folder.ts";

/** A FileSystemFileHandle, of the origin private file system or of a file picker. */
export interface FileHandle {
  readonly kind: "file";
  readonly name: string;
  getFile(): Promise<Blob>;
}

/** A FileSystemDirectoryHandle. */
export interface DirectoryHandle {
  readonly kind: "directory";
  readonly name: string;
  entries(): AsyncIterable<[string, { readonly kind: "file" | "directory" }]>;
}

/** Bytes, text, a File or Blob, a handle, or a URL that is fetched. */
export type GivenFile = MemoryFiles[string] | URL | FileHandle;

/** Files by name, "/" between a folder's and a file's; the Files of an input; or a folder's handle. */
export type GivenFiles = Readonly<Record<string, GivenFile>> | Iterable<File> | DirectoryHandle;

/** Opens handles and fetches URLs, one after the other. @throws AttuneError that names the file that can't be had. */
export async function gatherFiles(given: GivenFiles, options: FetchOptions = {}): Promise<MemoryFiles> {
  const gathered: [string, MemoryFiles[string]][] = [];
  for (const [name, file] of await namedFiles(given))
    gathered.push([name, await gatherFile(file, name, options)]);
  return Object.fromEntries(gathered);
}

/** @param name what messages call it */
export async function gatherFile(
  file: GivenFile,
  name: string,
  options: FetchOptions = {},
): Promise<MemoryFiles[string]> {
  if (typeof file === "string") return requireContent(file, name);
  if (file instanceof URL) return fetchBlob(file, name, options);
  if (isFileHandle(file)) return openHandle(file, name);
  if (file instanceof Blob || file instanceof Uint8Array || file instanceof ArrayBuffer) return file;
  throw new AttuneError({
    code: "files.not-content",
    place: name,
    expected: "bytes, text, a File or Blob, a file's handle or a URL",
    got: file === null ? "null" : typeof file,
  });
}

/** The name that a file brings along. @throws AttuneError when it has none. */
export function givenName(file: GivenFile): string {
  if (file instanceof URL) return decodeURIComponent(file.pathname.slice(file.pathname.lastIndexOf("/") + 1));
  if (typeof file === "object" && "name" in file) return String(file.name);
  throw new AttuneError({
    code: "files.no-name",
    problem: "what is given as a file has no name, whose ending says how it is written",
    wayOut: 'Name it: readRows(file, "rows.jsonl")',
  });
}

async function namedFiles(given: GivenFiles): Promise<[string, GivenFile][]> {
  if (isDirectoryHandle(given)) return filesInside(given);
  if (!(Symbol.iterator in given)) return Object.entries(given);
  return Array.from(given, (file) => [inItsFolder(file), file]);
}

const isDirectoryHandle = (given: GivenFiles): given is DirectoryHandle =>
  "kind" in given && given.kind === "directory";

const isFileHandle = (file: GivenFile): file is FileHandle =>
  typeof file === "object" && file !== null && "kind" in file && file.kind === "file";

/** Of a whole folder that was chosen, `webkitRelativePath` begins with the folder's own name. */
const inItsFolder = ({ name, webkitRelativePath: path }: File): string =>
  path ? path.slice(path.indexOf("/") + 1) : name;

/** Its own files, and those of a model's folder of chat templates: whoever picks a folder of much else waits for none of it. */
async function filesInside(folder: DirectoryHandle, prefix = ""): Promise<[string, FileHandle][]> {
  const files: [string, FileHandle][] = [];
  for await (const [name, handle] of folder.entries()) {
    if (handle.kind === "file") files.push([prefix + name, handle as FileHandle]);
    else if (prefix + name === CHAT_TEMPLATE_DIRECTORY)
      files.push(...(await filesInside(handle as DirectoryHandle, `${name}/`)));
  }
  return files;
}

async function openHandle(handle: FileHandle, name: string): Promise<Blob> {
  try {
    return await handle.getFile();
  } catch (error) {
    throw new AttuneError(
      {
        code: "files.handle-not-opened",
        place: name,
        problem: `the browser doesn't open the file: ${(error as Error).message}`,
        wayOut: "Choose it again",
      },
      { cause: error },
    );
  }
}

/** An address is easily given as text, which would be taken for the file's content. */
function requireContent(text: string, name: string): string {
  if (!/^(https?|blob|data):\S+$/.test(text)) return text;
  throw new AttuneError({
    code: "files.address-as-text",
    place: name,
    expected: "the file's text",
    got: text.slice(0, 100),
    wayOut: "Give new URL(…), and it is fetched",
  });
}
