/** A hub's refusals: what was asked for, and the way out. */

import { AttuneError, type Fault } from "../text/errors.ts";
import { nearest } from "../text/nearest.ts";
import { readSmall } from "./body.ts";
import { type Connection, HttpError, request } from "./connection.ts";
import { type Repo, repoName } from "./repo.ts";

/** What was asked for is not where it was looked for. */
export class NotFoundError extends AttuneError {}

/** Turns a refusal into an AttuneError; any other error is handed back as it is. */
export async function explain(error: unknown, repo: Repo, connection: Connection): Promise<unknown> {
  if (!(error instanceof HttpError)) return error;
  const missing = (error.status === 404 || error.status === 401) && error.code !== "GatedRepo";
  const Kind = missing ? NotFoundError : AttuneError;
  return new Kind(await explanation(error, repo, connection), { cause: error });
}

async function explanation(error: HttpError, repo: Repo, connection: Connection): Promise<Fault> {
  const place = repoName(repo);
  if (error.code === "GatedRepo") return gated(place, repo, connection);
  if (error.status === 403)
    return {
      code: "hub.refused",
      place,
      problem: `access refused (${error.message})`,
      wayOut: `Check that the token in ${tokenName(repo)} may read it, and that its licence is accepted at ${page(repo, connection)}`,
    };
  if (error.code === "RevisionNotFound")
    return {
      code: "hub.no-revision",
      place,
      problem: `${repo.id} has no revision ${repo.revision ?? "main"}`,
      wayOut: `See ${page(repo, connection)}/tree/main for its branches and tags`,
    };
  if (error.code === "EntryNotFound")
    return {
      code: "hub.file-gone",
      place,
      problem: `a file that was listed is gone (${error.message})`,
      wayOut: "Try again",
    };
  if (error.status === 404 || error.status === 401) return notFound(error, repo, connection);
  if (error.status === 429)
    return {
      code: "hub.too-many-requests",
      place,
      problem: `too many requests (${error.message})`,
      wayOut: `Wait some minutes${ifNoToken(connection, ", or log in: set HF_TOKEN")}`,
    };
  return {
    code: "hub.broken",
    place,
    problem: error.message,
    wayOut: "Try again later, or name another hub with HF_ENDPOINT",
  };
}

function gated(place: string, repo: Repo, connection: Connection): Fault {
  const accept = `Accept its licence at ${page(repo, connection)}`;
  const then = connection.token
    ? `with the account that ${tokenName(repo)} belongs to, and see that the token may read gated repositories`
    : `and set ${tokenName(repo)} to a token of that account`;
  return {
    code: "hub.gated",
    place,
    problem: "the repository is gated: its authors ask you to accept their conditions",
    wayOut: `${accept}, ${then}`,
  };
}

async function notFound(error: HttpError, repo: Repo, connection: Connection): Promise<Fault> {
  const place = repoName(repo);
  const refused = error.status === 401 && connection.token;
  const problem = refused
    ? `${connection.endpoint} does not accept the token in ${tokenName(repo)}, or has no such ${repo.kind}`
    : `${connection.endpoint} has no such ${repo.kind}, or it is private`;
  const similar = await similarName(repo, connection);
  const meant = similar ? `Did you mean ${similar}? ` : "";
  const login = refused
    ? "Make a new token"
    : ifNoToken(connection, `If it is yours, set ${tokenName(repo)}`);
  const wayOut = `${meant}${login || "Check the name and the token's rights"}`;
  return { code: "hub.not-found", place, problem, wayOut };
}

const ifNoToken = (connection: Connection, text: string) => (connection.token ? "" : text);

const tokenName = (repo: Repo) => (repo.source === "modelscope" ? "MODELSCOPE_API_TOKEN" : "HF_TOKEN");

function page(repo: Repo, { endpoint }: Connection): string {
  if (repo.source === "modelscope") return `${endpoint}/${repo.kind}s/${repo.id}`;
  return `${endpoint}/${repo.kind === "dataset" ? "datasets/" : ""}${repo.id}`;
}

/** The most similar of what the hub's search finds for the name; undefined when it finds nothing or does not answer. */
async function similarName(repo: Repo, connection: Connection): Promise<string | undefined> {
  if (repo.source === "modelscope") return undefined;
  const word = repo.id.split("/").at(-1)!;
  const url = `${connection.endpoint}/api/${repo.kind}s?search=${encodeURIComponent(word)}&limit=20`;
  const hasty = { ...connection, tuning: { ...connection.tuning, attempts: 1, stall: 5000 } };
  try {
    const body = await readSmall(await request(url, hasty), url, hasty, 2 ** 20);
    const found: unknown = JSON.parse(body.toString("utf8"));
    return Array.isArray(found) ? nearest(repo.id, found.map(({ id }) => id).filter(isId)) : undefined;
  } catch {
    connection.signal?.throwIfAborted();
    return undefined; // only a hint: the refusal itself is what counts
  }
}

const isId = (id: unknown): id is string => typeof id === "string" && /^[\w./-]{1,200}$/.test(id);
