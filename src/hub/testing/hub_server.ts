/**
 * A hub on loopback: the endpoints of the Hugging Face hub and of ModelScope that attune asks, a second port that plays
 * the CDN, and faults on demand.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface HubRepo {
  kind: "model" | "dataset";
  commit: string;
  files: Record<string, Buffer | string>;
  /** Files stored as LFS: sha256, and content on the CDN. Those of 1000 bytes and more when left out. */
  lfs?: string[];
  /** Other names of the commit than main and master. */
  revisions?: string[];
  gated?: boolean;
}

export interface Asked {
  where: "hub" | "cdn";
  method: string;
  url: string;
  /** The repository's file that is asked for, if any. */
  file: string | undefined;
  headers: IncomingMessage["headers"];
  /** How often this method and address were asked for, this time included. */
  count: number;
}

/** What the server does instead of, or with, its right answer. */
export interface Fault {
  status?: number;
  headers?: Record<string, string>;
  /** A JSON answer in place of the right one. */
  json?: unknown;
  /** Content in place of the file's. */
  body?: Buffer;
  /** Destroys the connection after this many bytes of content. */
  cutAfter?: number;
  ignoreRange?: boolean;
  /** Never answers. */
  silent?: boolean;
}

export interface HubServer {
  url: string;
  cdnUrl: string;
  /** By id; changed between requests as a test likes. */
  repos: Record<string, HubRepo>;
  /** Every request, in order. */
  asked: Asked[];
  fault: (asked: Asked) => Fault | undefined;
  close(): Promise<void>;
}

/** Entries a page of the hub's listing has; small, so that tests see several pages. */
const PAGE = 5;

export async function startHubServer(repos: Record<string, HubRepo>): Promise<HubServer> {
  const server: HubServer = { url: "", cdnUrl: "", repos, asked: [], fault: () => undefined, close };
  const hub = createServer((request, response) => answer("hub", request, response));
  const cdn = createServer((request, response) => answer("cdn", request, response));
  server.url = await listen(hub);
  server.cdnUrl = await listen(cdn);
  return server;

  function answer(where: Asked["where"], request: IncomingMessage, response: ServerResponse): void {
    const found = route(server, where, decodeURI(request.url!), request.url!);
    const asked = note(server, where, request, found.file?.path);
    respond(response, request, found, server.fault(asked) ?? {});
  }

  async function close(): Promise<void> {
    for (const one of [hub, cdn]) {
      one.closeAllConnections();
      await new Promise((resolve) => one.close(resolve));
    }
  }
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function note(
  server: HubServer,
  where: Asked["where"],
  request: IncomingMessage,
  file: string | undefined,
): Asked {
  const { method = "GET", url = "/", headers } = request;
  const count = 1 + server.asked.filter((before) => before.url === url && before.method === method).length;
  const asked = { where, method, url, file, headers, count };
  server.asked.push(asked);
  return asked;
}

interface Found {
  status: number;
  headers?: Record<string, string>;
  json?: unknown;
  file?: { path: string; content: Buffer };
}

function route(server: HubServer, where: Asked["where"], url: string, raw: string): Found {
  if (where === "cdn") return cdnFile(server, raw);
  const { pathname, searchParams } = new URL(raw, server.url);
  if (pathname.startsWith("/api/v1/"))
    return modelScope(server, pathname.slice("/api/v1/".length), searchParams);
  const search = /^\/api\/(model|dataset)s$/.exec(pathname);
  if (search) return { status: 200, json: searchRepos(server, searchParams.get("search") ?? "") };
  const api = /^\/api\/(model|dataset)s\/(.+?)\/(revision|tree)\/([^/]+)$/.exec(pathname);
  if (api) return hubApi(server, api[2]!, api[3]!, decodeURIComponent(api[4]!), searchParams);
  const resolve = /^\/(?:datasets\/)?(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(pathname);
  if (resolve)
    return hubFile(server, resolve[1]!, decodeURIComponent(resolve[2]!), decodeURIComponent(resolve[3]!));
  return { status: 404, json: { error: `no such page ${url}` } };
}

const searchRepos = ({ repos }: HubServer, word: string) =>
  Object.keys(repos)
    .filter((id) => id.toLowerCase().includes(word.toLowerCase().slice(0, 4)))
    .map((id) => ({ id }));

function findRepo(server: HubServer, id: string, revision: string): HubRepo | Found {
  const repo = server.repos[id];
  if (!repo)
    return {
      status: 404,
      headers: { "x-error-code": "RepoNotFound", "x-error-message": "Repository not found" },
    };
  if (repo.gated)
    return { status: 403, headers: { "x-error-code": "GatedRepo", "x-error-message": "Access restricted" } };
  const known = ["main", "HEAD", "master", repo.commit, ...(repo.revisions ?? [])];
  if (known.includes(revision)) return repo;
  return {
    status: 404,
    headers: { "x-error-code": "RevisionNotFound", "x-error-message": "Invalid rev id" },
  };
}

const isRepo = (value: HubRepo | Found): value is HubRepo => "files" in value;

function hubApi(
  server: HubServer,
  id: string,
  what: string,
  revision: string,
  query: URLSearchParams,
): Found {
  const repo = findRepo(server, id, revision);
  if (!isRepo(repo)) return repo;
  if (what === "revision")
    return {
      status: 200,
      json: { _id: "1", id, sha: repo.commit, lastModified: "2026-01-01T00:00:00.000Z" },
    };
  const entries = Object.entries(repo.files).map(([path, content]) =>
    treeEntry(repo, path, asBuffer(content)),
  );
  const from = Number(query.get("cursor") ?? 0);
  const next = `<${server.url}/api/${repo.kind}s/${id}/tree/${revision}?recursive=true&cursor=${from + PAGE}>; rel="next"`;
  const headers = from + PAGE < entries.length ? { link: next } : undefined;
  return { status: 200, headers, json: entries.slice(from, from + PAGE) };
}

const hashes = new WeakMap<Buffer, string>(); // large files are asked for many times

export function sha256(content: Buffer | string): string {
  const bytes = asBuffer(content);
  const known = hashes.get(bytes) ?? createHash("sha256").update(bytes).digest("hex");
  hashes.set(bytes, known);
  return known;
}

const gitSha1 = (content: Buffer) =>
  createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");

const asBuffer = (content: Buffer | string) => (typeof content === "string" ? Buffer.from(content) : content);

const isLfs = (repo: HubRepo, path: string, content: Buffer) =>
  repo.lfs?.includes(path) ?? content.length >= 1000;

function treeEntry(repo: HubRepo, path: string, content: Buffer): object {
  const lfs = isLfs(repo, path, content);
  const pointer = { oid: sha256(content), size: content.length, pointerSize: 130 };
  return {
    type: "file",
    path,
    size: content.length,
    oid: gitSha1(content),
    ...(lfs ? { lfs: pointer } : {}),
  };
}

function hubFile(server: HubServer, id: string, revision: string, path: string): Found {
  const repo = findRepo(server, id, revision);
  if (!isRepo(repo)) return repo;
  const content = repo.files[path] === undefined ? undefined : asBuffer(repo.files[path]!);
  const commit = { "x-repo-commit": repo.commit };
  if (!content) return { status: 404, headers: { ...commit, "x-error-code": "EntryNotFound" } };
  if (!isLfs(repo, path, content))
    return { status: 200, headers: { ...commit, etag: `"${gitSha1(content)}"` }, file: { path, content } };
  const linked = { "x-linked-etag": `"${sha256(content)}"`, "x-linked-size": String(content.length) };
  const location = `${server.cdnUrl}/${sha256(content)}?Signature=secret`;
  return { status: 302, headers: { ...commit, ...linked, location } };
}

function cdnFile(server: HubServer, url: string): Found {
  const wanted = url.slice(1).split("?")[0];
  for (const repo of Object.values(server.repos)) {
    const found = Object.entries(repo.files).find(([, content]) => sha256(content) === wanted);
    if (found) return { status: 200, file: { path: found[0], content: asBuffer(found[1]) } };
  }
  return { status: 403 };
}

function modelScope(server: HubServer, path: string, query: URLSearchParams): Found {
  const numbered = Object.keys(server.repos).map((id, i) => [String(i + 1), id] as const);
  const tree = /^datasets\/(\d+)\/repo\/tree$/.exec(path);
  const id = tree
    ? numbered.find(([number]) => number === tree[1])?.[1]
    : path.split("/").slice(1, 3).join("/");
  const repo = id === undefined ? undefined : server.repos[id];
  if (!repo) return { status: 404, json: { Code: 10010205001, Message: "not found", Success: false } };
  if (/^datasets\/[^/]+\/[^/]+$/.test(path))
    return scoped({ Id: Number(numbered.find((pair) => pair[1] === id)![0]) });
  const content = repo.files[query.get("FilePath") ?? ""];
  if (content !== undefined)
    return { status: 200, file: { path: query.get("FilePath")!, content: asBuffer(content) } };
  const files = Object.entries(repo.files).map(([name, bytes]) => scopedFile(repo, name, asBuffer(bytes)));
  const [page, size] = [Number(query.get("PageNumber") ?? 1), Number(query.get("PageSize") ?? 1e6)];
  return scoped({
    Files: [...files, { Type: "tree", Path: "folder", Size: 0 }].slice((page - 1) * size, page * size),
  });
}

const scoped = (Data: object): Found => ({ status: 200, json: { Code: 200, Data, Success: true } });

const scopedFile = ({ commit }: HubRepo, Path: string, content: Buffer) => ({
  Type: "blob",
  Name: Path.split("/").at(-1),
  Path,
  Size: content.length,
  Sha256: sha256(content),
  Revision: commit,
});

function respond(response: ServerResponse, request: IncomingMessage, found: Found, fault: Fault): void {
  if (fault.silent) return;
  const status = fault.status ?? found.status;
  const headers = { ...found.headers, ...fault.headers };
  if (found.file && status === 200) {
    sendFile(response, request, headers, found.file.content, fault);
    return;
  }
  const json = "json" in fault ? fault.json : found.json;
  const body = json === undefined ? "" : JSON.stringify(json);
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
}

function sendFile(
  response: ServerResponse,
  request: IncomingMessage,
  headers: Record<string, string>,
  right: Buffer,
  fault: Fault,
): void {
  const content = fault.body ?? right;
  const range = fault.ignoreRange ? null : /^bytes=(\d+)-(\d+)?$/.exec(request.headers.range ?? "");
  const from = range ? Number(range[1]) : 0;
  const to = Math.min(Number(range?.[2] ?? content.length - 1), content.length - 1);
  if (range && from >= content.length) return void response.writeHead(416).end();
  const part = content.subarray(from, to + 1);
  const ranged = range ? { "content-range": `bytes ${from}-${to}/${content.length}` } : {};
  const length = fault.headers?.["transfer-encoding"] ? {} : { "content-length": String(part.length) };
  response.writeHead(range ? 206 : 200, { ...length, ...ranged, ...headers });
  if (fault.cutAfter === undefined || fault.cutAfter >= part.length) return void response.end(part);
  response.write(part.subarray(0, fault.cutAfter), () => setTimeout(() => response.destroy(), 5));
}
