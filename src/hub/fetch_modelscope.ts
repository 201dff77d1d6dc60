/**
 * Files of a repository on ModelScope, in the cache that Python's modelscope shares:
 *   models/org/name/PATH              "." in the name written "___", with a link of the plain name beside it
 *   models/._____temp/org/name/PATH   files on their way
 * Source: modelscope hub/file_download.py, hub/snapshot_download.py.
 */
import { rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileChecksum } from "./checksum.ts";
import { HttpError, UnreachableError } from "./connection.ts";
import { hasSize, type Job } from "./download_file.ts";
import { explain, NotFoundError } from "./explain.ts";
import { fetchFiles } from "./fetch_files.ts";
import { listModelScope, type ModelScopeFile } from "./list_modelscope.ts";
import { readModelScopeIndex, writeModelScopeIndex } from "./modelscope_index.ts";
import { connect, type HubOptions } from "./options.ts";
import { type Repo, repoName } from "./repo.ts";
import type { HubSettings } from "./settings.ts";
import { filesBelow, type Snapshot } from "./snapshot.ts";

/** As openHub, for ModelScope. HF_HUB_OFFLINE counts here too. */
export async function openModelScope(
  repo: Repo,
  settings: HubSettings,
  options: HubOptions,
): Promise<Snapshot> {
  const directory = repoDirectory(settings.modelScope.cache, repo);
  if (settings.offline) return cached(repo, directory, "HF_HUB_OFFLINE is set");
  const connection = connect(repo, settings, options);
  try {
    const files = await listModelScope(repo, connection);
    return {
      paths: files.map(({ path }) => path),
      sizes: new Map(files.map(({ path, size }) => [path, size])),
      fetch: (paths) => fetchListed(repo, files, paths, settings, options),
    };
  } catch (error) {
    const outage = error instanceof UnreachableError || (error instanceof HttpError && error.status >= 500);
    if (!outage) throw await explain(error, repo, connection);
    const snapshot = await cached(repo, directory, error.message);
    options.onWarning?.(`${error.message} Using what the cache has of ${repoName(repo)}.`);
    return snapshot;
  }
}

async function fetchListed(
  repo: Repo,
  files: readonly ModelScopeFile[],
  paths: readonly string[],
  settings: HubSettings,
  options: HubOptions,
): Promise<string> {
  const connection = connect(repo, settings, options);
  const { cache } = settings.modelScope;
  const directory = repoDirectory(cache, repo);
  const wanted = files.filter(({ path }) => paths.includes(path));
  const index = await readModelScopeIndex(directory);
  await dropStale(wanted, directory, index);
  const jobs = wanted.map((file) => job(cache, repo, file));
  const destination = { directory: cache, wayOut: "set MODELSCOPE_CACHE to another disk" };
  try {
    await fetchFiles(jobs, destination, connection, options.onProgress);
  } catch (error) {
    throw await explain(error, repo, connection);
  }
  for (const { path, revision } of wanted) index.set(path, revision);
  await writeModelScopeIndex(directory, index);
  await linkPlainName(cache, repo, directory);
  return directory;
}

const kindFolder = (cache: string, { kind }: Repo) => join(cache, `${kind}s`);

function repoDirectory(cache: string, repo: Repo): string {
  const [organisation, name] = repo.id.split("/") as [string, string];
  return join(kindFolder(cache, repo), organisation, name.replaceAll(".", "___"));
}

function job(cache: string, repo: Repo, file: ModelScopeFile): Job {
  const parts = file.path.split("/");
  const partial = join(kindFolder(cache, repo), "._____temp", ...repo.id.split("/"), ...parts);
  return {
    file,
    target: join(repoDirectory(cache, repo), ...parts),
    partial,
    lock: `${partial}.attune-lock`,
  };
}

/** Only one version of a file has a place here: another one of the same size must go before the new one can come. */
async function dropStale(
  files: readonly ModelScopeFile[],
  directory: string,
  index: ReadonlyMap<string, string>,
): Promise<void> {
  for (const { path, size, checksum, revision } of files) {
    const target = join(directory, ...path.split("/"));
    if (!(await hasSize(target, size)) || (revision !== "" && index.get(path) === revision)) continue;
    if (checksum && (await fileChecksum(target, checksum.algorithm)) === checksum.hex) continue;
    await rm(target);
  }
}

async function linkPlainName(cache: string, repo: Repo, directory: string): Promise<void> {
  const plain = join(kindFolder(cache, repo), ...repo.id.split("/"));
  if (plain !== directory) await symlink(directory, plain, "dir").catch(() => {}); // there already, or Windows
}

async function cached(repo: Repo, directory: string, why: string): Promise<Snapshot> {
  const paths = await filesBelow(directory);
  if (paths.length === 0)
    throw new NotFoundError({
      code: "hub.not-cached",
      place: repoName(repo),
      problem: `the cache (${dirname(directory)}) doesn't have it: ${why}`,
      wayOut: "Download it once with the network on",
    });
  return { paths, fetch: async () => directory };
}
