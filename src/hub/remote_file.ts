/** A file as a hub's listing names it, checked before anything is done with it. */
import { AttuneError } from "../text/errors.ts";

export interface RemoteFile {
  /** From the repository's root, parts separated by "/". */
  path: string;
  /** Bytes. */
  size: number;
  checksum: Checksum | undefined;
  /** Where its content is. */
  url: string;
}

export interface Checksum {
  /** `sha256` of the content (large files), or git's name of the blob: sha1 of "blob SIZE\0" and the content. */
  algorithm: "sha256" | "git-sha1";
  hex: string;
}

/** @throws AttuneError for a name that could lead out of the directory, on any system, or that no disk takes. */
export function checkFileName(path: string, repo: string): void {
  const parts = path.split("/");
  const bad =
    path.length > 1000 ||
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\\\x00-\x1f\x7f]/.test(path) ||
    parts.some((part) => part === "" || part === "." || part === ".." || /^[A-Za-z]:/.test(part)) ||
    parts.some((part) => Buffer.byteLength(part) > 255);
  if (bad)
    throw new AttuneError({
      code: "hub.unsafe-path",
      place: repo,
      problem: `a file is named ${JSON.stringify(path.slice(0, 100))}: attune refuses the name`,
    });
}
