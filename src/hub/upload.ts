/** Files to a repository on the Hugging Face hub, in one commit. */
import { AttuneError } from "../text/errors.ts";
import { connectionError, DEFAULT_TUNING, pause, printable, shown, type Tuning } from "./connection.ts";
import { parseRepo } from "./repo.ts";
import { type Environment, type HubSettings, readHubSettings } from "./settings.ts";

export interface UploadFile {
  /** In the repository, with slashes. */
  path: string;
  /** Or where the file is: its address on this machine. */
  content: Blob | URL;
  size: number;
}

export interface UploadOptions {
  /** `org/name`. */
  to: string;
  files: readonly UploadFile[];
  /** Whether everyone may see a repository that is made; one that is there and public is refused without it. */
  isPublic?: boolean;
  /** The commit's title. */
  title: string;
  onProgress?: (done: number, total: number) => void;
  /** Aborting rejects with the signal's reason; what was uploaded need not be again. */
  signal?: AbortSignal;
  env?: Environment;
  tuning?: Partial<Tuning>;
}

export interface UploadReport {
  /** The repository's page. */
  url: string;
  /** The commit's id. */
  commit: string;
  isNew: boolean;
}

/**
 * Uploads `files`, the repository made where it is missing. Large files go to the hub's storage by their sha256 first: those
 * that are there already, since an earlier try was interrupted, are not sent again.
 * @throws AttuneError that names the fault, and never the token.
 */
export async function uploadFiles(options: UploadOptions): Promise<UploadReport> {
  const repo = repoOf(options.to);
  const settings = await readHubSettings(options.env);
  requireOnline(settings, repo);
  const hub = await import("@huggingface/hub");
  const upload: Upload = {
    ...options,
    repo,
    access: {
      accessToken: settings.token!,
      hubUrl: settings.endpoint,
      fetch: patientFetch(options),
    },
    hub,
  };
  try {
    const isNew = await makeRepository(upload);
    const commit = await send(upload);
    return { url: `${settings.endpoint}/${repo}`, commit, isNew };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw explained(error, repo, settings);
  }
}

type Hub = typeof import("@huggingface/hub");

interface Upload extends UploadOptions {
  repo: string;
  access: { accessToken: string; hubUrl: string; fetch: typeof fetch };
  hub: Hub;
}

function repoOf(name: string): string {
  const { id, revision, source } = parseRepo(name, "model", false);
  if (id.includes("/") && revision === undefined && source === "huggingface") return id;
  throw new AttuneError({
    code: "hub.wrong-name",
    place: JSON.stringify(name),
    problem: "this is no name that a model can be pushed to",
    expected: "org/name, the organization or user before the slash",
  });
}

function requireOnline({ offline, token }: HubSettings, repo: string): void {
  if (offline)
    throw new AttuneError({
      code: "hub.offline",
      place: repo,
      problem: "HF_HUB_OFFLINE is set, and nothing is asked of the network",
      wayOut: "Unset it to push",
    });
  if (token === undefined)
    throw new AttuneError({
      code: "hub.no-token",
      place: repo,
      problem: "who pushes needs a token of the hub",
      wayOut: "Make one that may write at https://huggingface.co/settings/tokens, and set HF_TOKEN",
    });
}

/** @returns whether it was made. @throws AttuneError when others could see what is meant to be private. */
async function makeRepository({ hub, repo, access, isPublic = false }: Upload): Promise<boolean> {
  const found = await hub.modelInfo({ name: repo, ...access }).catch((error) => {
    if (statusOf(error) === 404) return undefined;
    throw error;
  });
  if (found && !found.private && !isPublic)
    throw new AttuneError({
      code: "hub.public-repository",
      place: repo,
      problem: "the repository is there, and everyone can see it",
      wayOut: "Say --public if that is meant, or push to another name",
    });
  if (found) return false;
  const made = hub.createRepo({ repo, ...access, visibility: isPublic ? "public" : "private" });
  await made.catch((error) => {
    if (statusOf(error) !== 409) throw error; // someone was quicker, or it is hidden
  });
  return true;
}

async function send({ hub, repo, access, files, title, onProgress, signal }: Upload): Promise<string> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const shares = new Map<string, number>();
  const sizes = new Map(files.map(({ path, size }) => [path, size]));
  const steps = hub.commitIter({
    ...{ repo, ...access, title, abortSignal: signal, useXet: false },
    operations: files.map(({ path, content }) => ({ operation: "addOrUpdate", path, content })),
  });
  for (;;) {
    const { done, value } = await steps.next();
    if (done) {
      onProgress?.(total, total);
      return value!.commit.oid;
    }
    if (value.event !== "fileProgress" || value.state !== "uploading") continue;
    shares.set(value.path, Math.max(value.progress, shares.get(value.path) ?? 0));
    const sent = [...shares].reduce((sum, [path, share]) => sum + share * (sizes.get(path) ?? 0), 0);
    onProgress?.(sent, total);
  }
}

/** What the library says of its progress to a `fetch` that can tell it. */
interface Hinted extends RequestInit {
  progressHint?: { part?: number; numParts?: number; progressCallback(share: number): void };
}

/** `fetch` that tries again after 429, 5xx and broken connections, and counts the parts of large files. */
function patientFetch(options: UploadOptions): typeof fetch {
  const { attempts, firstPause } = { ...DEFAULT_TUNING, ...options.tuning };
  const sent = new Map<unknown, number>();
  return async (input, init: Hinted = {}) => {
    const { progressHint: hint, ...request } = init;
    for (let attempt = 1; ; attempt++) {
      const outcome = await fetch(input, request).catch((error: Error) => {
        options.signal?.throwIfAborted();
        return connectionError(error, String(input));
      });
      const passing = outcome instanceof Error ? outcome.passing : isPassing(outcome.status);
      if (!passing || attempt >= attempts) {
        if (outcome instanceof Error) throw outcome;
        if (outcome.ok && hint?.numParts !== undefined) {
          const parts = (sent.get(hint.progressCallback) ?? 0) + 1;
          sent.set(hint.progressCallback, parts);
          hint.progressCallback(parts / hint.numParts);
        }
        return outcome;
      }
      await pause(firstPause * 2 ** (attempt - 1), options.signal);
    }
  };
}

const isPassing = (status: number) => status === 429 || status >= 500;

const statusOf = (error: unknown) => (error as { statusCode?: number }).statusCode;

function explained(error: unknown, repo: string, { endpoint, token }: HubSettings): unknown {
  const status = statusOf(error);
  if (error instanceof AttuneError || status === undefined) return error;
  const { message, url } = error as Error & { url?: string };
  const says = `${url && URL.canParse(url) ? shown(url) : endpoint} answers ${status}, ${printable(message, token)}`;
  if (status === 401)
    return new AttuneError({
      code: "hub.token-refused",
      place: repo,
      problem: `the hub does not accept the token (${says})`,
      wayOut: "Make a new one that may write at https://huggingface.co/settings/tokens, and set HF_TOKEN",
    });
  if (status === 403)
    return new AttuneError({
      code: "hub.may-not-write",
      place: repo,
      problem: `the token may not write there (${says})`,
      wayOut: "Give the token the right to write to that account, or push to one of your own",
    });
  return new AttuneError({
    code: "hub.upload-failed",
    place: repo,
    problem: says,
    wayOut: "Run it again: large files that are there already are not sent again",
  });
}
