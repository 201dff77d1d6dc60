/** The files of a repository on the Hugging Face hub, or on a mirror of it. */
import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { readSmall } from "./body.ts";
import { type Connection, HttpError, request } from "./connection.ts";
import { checkFileName, type RemoteFile } from "./remote_file.ts";
import { hubFileUrl, type Repo } from "./repo.ts";
import { unknownAnswer } from "./unknown_answer.ts";

/** A repository at one commit. */
export interface Listing {
  /** 40 hexadecimal digits. */
  commit: string;
  files: RemoteFile[];
}

const MOST_FILES = 200_000;
const MOST_PAGES = 2000;
const JSON_LIMIT = 32 * 2 ** 20; // bytes a page; the hub's have 1000 entries

const hex = (length: number) => z.string().regex(new RegExp(`^[0-9a-f]{${length}}$`));
const Entry = z.object({
  type: z.string(),
  path: z.string(),
  size: z.int().nonnegative().optional(),
  oid: z.string().optional(),
  lfs: z.object({ oid: hex(64), size: z.int().nonnegative() }).optional(),
});
const FileEntry = Entry.extend({ size: z.int().nonnegative(), oid: hex(40) });

/** @throws HttpError; AttuneError when the answer is not of the shape that the hub documents. */
export async function listHub(repo: Repo, connection: Connection): Promise<Listing> {
  try {
    const commit = await findCommit(repo, connection);
    return { commit, files: await listAt(repo, commit, connection) };
  } catch (error) {
    connection.signal?.throwIfAborted();
    if (error instanceof AttuneError || error instanceof HttpError) throw error;
    const answer = {
      place: connection.endpoint,
      about: ` about ${repo.id}`,
      wayOut: "Is HF_ENDPOINT a hub?",
    };
    throw unknownAnswer(answer, error);
  }
}

/** Read only when a hub is asked. */
const hubClient = () => import("@huggingface/hub");

async function findCommit({ id, kind, revision = "main" }: Repo, connection: Connection): Promise<string> {
  const asked = { name: id, revision, hubUrl: connection.endpoint, fetch: hubFetch(connection) };
  const { datasetInfo, modelInfo } = await hubClient();
  const info =
    kind === "model"
      ? await modelInfo({ ...asked, additionalFields: ["sha"] })
      : await datasetInfo({ ...asked, additionalFields: ["sha"] });
  return parse(hex(40), info.sha);
}

async function listAt(repo: Repo, commit: string, connection: Connection): Promise<RemoteFile[]> {
  const files: RemoteFile[] = [];
  const seen = new Set<string>();
  const { listFiles } = await hubClient();
  const listing = listFiles({
    repo: { type: repo.kind, name: repo.id },
    revision: commit,
    recursive: true,
    hubUrl: connection.endpoint,
    fetch: eachPageOnce(hubFetch(connection), repo),
  });
  for await (const raw of listing) {
    const entry = parse(Entry, raw);
    if (seen.size === seen.add(entry.path).size)
      throw endless(repo, `${JSON.stringify(entry.path.slice(0, 100))} twice`);
    if (seen.size > MOST_FILES) throw endless(repo, `more than ${MOST_FILES} files`);
    if (entry.type === "file")
      files.push(remoteFile(repo, commit, parse(FileEntry, entry), connection.endpoint));
  }
  return files;
}

function remoteFile(
  repo: Repo,
  commit: string,
  entry: z.output<typeof FileEntry>,
  endpoint: string,
): RemoteFile {
  const { path, lfs, oid } = entry;
  checkFileName(path, repo.id);
  return {
    path,
    size: lfs?.size ?? entry.size,
    checksum: lfs ? { algorithm: "sha256", hex: lfs.oid } : { algorithm: "git-sha1", hex: oid },
    url: hubFileUrl(endpoint, repo, { commit, path }),
  };
}

/** `fetch` for @huggingface/hub: our retries, redirects and secrets, answers of bounded length. */
function hubFetch(connection: Connection): typeof fetch {
  return async (input) => {
    const url = atEndpoint(String(input), connection.endpoint);
    const response = await request(url, connection, { accept: "application/json" });
    const body = await readSmall(response, url, connection, JSON_LIMIT);
    return new Response(new Uint8Array(body), { headers: pick(response.headers, ["link", "content-type"]) });
  };
}

/** @throws AttuneError where a listing goes on without end: by a page of before, by empty ones, or by very many. */
function eachPageOnce(ask: typeof fetch, repo: Repo): typeof fetch {
  const asked = new Set<string>();
  return async (input) => {
    const url = String(input);
    if (asked.has(url)) throw endless(repo, "the same page again");
    if (asked.add(url).size > MOST_PAGES) throw endless(repo, `more than ${MOST_PAGES} pages`);
    const response = await ask(input);
    const isEmpty = (await response.clone().text()).trim() === "[]";
    if (isEmpty && response.headers.has("link")) throw endless(repo, "an empty page before another one");
    return response;
  };
}

const endless = ({ id }: Repo, what: string): AttuneError =>
  new AttuneError({
    code: "hub.endless-listing",
    place: id,
    problem: `the hub lists ${what}`,
    wayOut: "Try again, or name another hub with HF_ENDPOINT",
  });

const parse = <T>(schema: z.ZodType<T>, value: unknown): T => schema.parse(value, { reportInput: true });

/** Mirrors pass on the hub's links to the next page; the mirror has that page too, the hub may be out of reach. */
function atEndpoint(url: string, endpoint: string): string {
  if (url.startsWith(`${endpoint}/`)) return url;
  const { pathname, search } = new URL(url);
  return endpoint + pathname + search;
}

const pick = (headers: Headers, names: string[]): [string, string][] =>
  names.flatMap((name) => (headers.has(name) ? [[name, headers.get(name)!] as [string, string]] : []));
