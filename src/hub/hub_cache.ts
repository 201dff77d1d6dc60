/**
 * The cache directory that huggingface_hub uses, file by file as it lays them out (file_download.py, 1.33):
 *   models--org--name/blobs/ETAG                 contents, named by sha256 (large files) or git's sha1
 *                    /refs/main                  the commit that the branch pointed to
 *                    /snapshots/COMMIT/PATH      symbolic links, relative, to the blobs
 */
import { copyFile, mkdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { writeFileAtomic } from "../files/atomic.ts";
import { diskError, errorCode } from "../files/disk_error.ts";
import type { Job } from "./download_file.ts";
import type { RemoteFile } from "./remote_file.ts";
import type { Repo } from "./repo.ts";

export const repoFolder = (cache: string, { kind, id }: Repo): string =>
  join(cache, [`${kind}s`, ...id.split("/")].join("--"));

export const snapshotFolder = (cache: string, repo: Repo, commit: string): string =>
  join(repoFolder(cache, repo), "snapshots", commit);

/** Hub listings always carry checksums; the blob's name is the checksum, which is the hub's ETag. */
export function cacheJob(cache: string, repo: Repo, file: RemoteFile): Job {
  const folder = repoFolder(cache, repo);
  const etag = file.checksum!.hex;
  const target = join(folder, "blobs", etag);
  const lock = join(cache, ".locks", relative(cache, folder), `${etag}.attune-lock`);
  return { file, target, partial: `${target}.incomplete`, lock };
}

/** The commit that the cache knows for a revision; undefined when it was never downloaded. */
export async function cachedCommit(cache: string, repo: Repo): Promise<string | undefined> {
  const { revision = "main" } = repo;
  if (/^[0-9a-f]{40}$/.test(revision)) return revision;
  const ref = join(repoFolder(cache, repo), "refs", ...revision.split("/"));
  const commit = (await readFile(ref, "utf8").catch(() => "")).trim();
  return /^[0-9a-f]{40}$/.test(commit) ? commit : undefined;
}

/** Makes the snapshot out of blobs that are all there, and notes the revision. Returns the snapshot's directory. */
export async function linkSnapshot(
  cache: string,
  repo: Repo,
  commit: string,
  files: readonly RemoteFile[],
): Promise<string> {
  const snapshot = snapshotFolder(cache, repo, commit);
  try {
    for (const file of files)
      await link(cacheJob(cache, repo, file).target, join(snapshot, ...file.path.split("/")));
    await noteRevision(cache, repo, commit);
    await tagCache(cache);
  } catch (error) {
    throw diskError(error, "write", snapshot);
  }
  return snapshot;
}

async function link(blob: string, pointer: string): Promise<void> {
  const target = relative(dirname(pointer), blob);
  if ((await readlink(pointer).catch(() => undefined)) === target) return;
  await mkdir(dirname(pointer), { recursive: true });
  await rm(pointer, { force: true });
  await symlink(target, pointer).catch(async (error) => {
    if (errorCode(error) === "EEXIST") return; // another process was quicker, with the same link
    if (errorCode(error) !== "EPERM") throw error;
    await copyFile(blob, pointer); // Windows without developer mode
  });
}

async function noteRevision(cache: string, repo: Repo, commit: string): Promise<void> {
  const { revision = "main" } = repo;
  if (revision === commit || (await cachedCommit(cache, repo)) === commit) return;
  const ref = join(repoFolder(cache, repo), "refs", ...revision.split("/"));
  await writeFileAtomic(ref, commit);
}

/** Backup tools leave directories with this file out: https://bford.info/cachedir/ */
async function tagCache(cache: string): Promise<void> {
  const tag = [
    "Signature: 8a477f597d28d172789f06886806bc55",
    "# This file is a cache directory tag created by huggingface_hub.",
    "# For information about cache directory tags, see:",
    "#\thttps://bford.info/cachedir/\n",
  ].join("\n");
  await writeFile(join(cache, "CACHEDIR.TAG"), tag, { flag: "wx" }).catch(() => {});
}
