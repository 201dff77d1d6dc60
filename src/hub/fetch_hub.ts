/** Files of a repository on the Hugging Face hub, in the cache that Python's huggingface_hub shares. */
import { type Connection, HttpError, UnreachableError } from "./connection.ts";
import { explain, NotFoundError } from "./explain.ts";
import { fetchFiles } from "./fetch_files.ts";
import { cachedCommit, cacheJob, linkSnapshot, snapshotFolder } from "./hub_cache.ts";
import { type Listing, listHub } from "./list_hub.ts";
import { connect, type HubOptions } from "./options.ts";
import { type Repo, repoName } from "./repo.ts";
import type { HubSettings } from "./settings.ts";
import { filesBelow, type Snapshot } from "./snapshot.ts";

/** Opens a repository: its files online, or what the cache has of it where there is no hub. */
export async function openHub(repo: Repo, settings: HubSettings, options: HubOptions): Promise<Snapshot> {
  if (settings.offline) return cached(repo, settings, "HF_HUB_OFFLINE is set");
  const connection = connect(repo, settings, options);
  try {
    return online(repo, await listHub(repo, connection), settings, connection, options);
  } catch (error) {
    if (!isOutage(error)) throw await explain(error, repo, connection);
    const why = (error as Error).message;
    const snapshot = await cached(repo, settings, why);
    options.onWarning?.(`${why} Using what the cache has of ${repoName(repo)}.`);
    return snapshot;
  }
}

const isOutage = (error: unknown) =>
  error instanceof UnreachableError || (error instanceof HttpError && error.status >= 500);

function online(
  repo: Repo,
  { commit, files }: Listing,
  settings: HubSettings,
  connection: Connection,
  options: HubOptions,
): Snapshot {
  const destination = { directory: settings.cache, wayOut: "set HF_HOME to another disk" };
  return {
    paths: files.map(({ path }) => path),
    sizes: new Map(files.map(({ path, size }) => [path, size])),
    async fetch(paths) {
      const wanted = files.filter(({ path }) => paths.includes(path));
      const jobs = wanted.map((file) => cacheJob(settings.cache, repo, file));
      try {
        await fetchFiles(jobs, destination, connection, options.onProgress);
      } catch (error) {
        throw await explain(error, repo, connection);
      }
      return linkSnapshot(settings.cache, repo, commit, wanted);
    },
  };
}

/** @throws AttuneError when the cache has nothing of the revision. */
async function cached(repo: Repo, settings: HubSettings, why: string): Promise<Snapshot> {
  const commit = await cachedCommit(settings.cache, repo);
  const directory = commit && snapshotFolder(settings.cache, repo, commit);
  const paths = directory && (await filesBelow(directory));
  if (!paths || paths.length === 0)
    throw new NotFoundError({
      code: "hub.not-cached",
      place: repoName(repo),
      problem: `the cache (${settings.cache}) doesn't have it: ${why}`,
      wayOut: "Download it once with the network on",
    });
  return { paths, fetch: async () => directory };
}
