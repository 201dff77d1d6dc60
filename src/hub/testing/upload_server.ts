/** A hub on loopback that takes uploads: repositories, LFS with parts, commits; and faults on demand. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface UploadServer {
  url: string;
  /** Repositories by id: whether they are private, and their files. */
  repos: Record<string, { private: boolean; files: Record<string, Buffer> }>;
  /** What the storage holds, by sha256. */
  stored: Map<string, Buffer>;
  /** Every request, in order: "METHOD /path". */
  asked: string[];
  headers: IncomingMessage["headers"][];
  /** An answer in place of the right one. */
  fault: (asked: string) => number | undefined;
  /** Files of more bytes go to the storage, in parts of at most as many. */
  partSize: number;
  close(): Promise<void>;
}

export const TOKEN = "hf_rightToken123";

export async function startUploadServer(): Promise<UploadServer> {
  const parts = new Map<string, Buffer>();
  const http = createServer((request, response) => void answer(request, response));
  const server: UploadServer = {
    ...{
      url: "",
      repos: {},
      stored: new Map(),
      asked: [],
      headers: [],
      fault: () => undefined,
      partSize: 4096,
    },
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  server.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return server;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const asked = `${request.method} ${request.url!.replace(/\?.*/, "")}`;
    server.asked.push(asked);
    server.headers.push(request.headers);
    const status = server.fault(asked) ?? (isStorage(asked) || isKnown(request) ? undefined : 401);
    const found = status === undefined ? route(asked, body) : { status, json: { error: `no, ${TOKEN}` } };
    response.writeHead(found.status ?? 200, { "content-type": "application/json", ...found.headers });
    response.end(JSON.stringify(found.json ?? {}));
  }

  function route(asked: string, body: Buffer): Found {
    const [, info] = /^GET \/api\/models\/([^/]+\/[^/]+)/.exec(asked) ?? [];
    if (info) return infoOf(info);
    if (asked === "POST /api/repos/create") return create(JSON.parse(body.toString()));
    if (/\/preupload\/main$/.test(asked)) return preupload(JSON.parse(body.toString()));
    if (/\/info\/lfs\/objects\/batch$/.test(asked)) return batch(JSON.parse(body.toString()));
    const [, oid, part] = /^PUT \/storage\/(\w+)(?:\/(\d+))?$/.exec(asked) ?? [];
    if (oid) return store(oid, part, body);
    const [, whole] = /^POST \/complete\/(\w+)$/.exec(asked) ?? [];
    if (whole) return complete(whole, JSON.parse(body.toString()));
    const [, id] = /^POST \/api\/models\/(.+)\/commit\/main$/.exec(asked) ?? [];
    if (id) return commit(id, body.toString());
    return { status: 404, json: { error: "no such page" } };
  }

  function infoOf(id: string): Found {
    const repo = server.repos[id];
    if (!repo) return { status: 404, json: { error: "Repository not found" } };
    const about = { _id: "1", id, private: repo.private, downloads: 0, gated: false, likes: 0 };
    return { json: { ...about, lastModified: "2026-01-01T00:00:00.000Z" } };
  }

  function create(asked: { organization: string; name: string; visibility: string }): Found {
    const id = `${asked.organization}/${asked.name}`;
    if (server.repos[id]) return { status: 409, json: { error: "You already created this model repo" } };
    server.repos[id] = { private: asked.visibility !== "public", files: {} };
    return { json: { url: `${server.url}/${id}`, id } };
  }

  function preupload({ files }: { files: { path: string; size: number }[] }): Found {
    const modeOf = (size: number) => (size > server.partSize / 4 ? "lfs" : "regular");
    const answers = files.map(({ path, size }) => ({ path, uploadMode: modeOf(size), shouldIgnore: false }));
    return { json: { files: answers } };
  }

  function batch({ objects }: { objects: { oid: string; size: number }[] }): Found {
    return { json: { transfer: "multipart", objects: objects.map(objectOf) } };
  }

  function objectOf({ oid, size }: { oid: string; size: number }) {
    if (server.stored.has(oid)) return { oid, size };
    const count = Math.ceil(size / server.partSize);
    const href = (part?: number) => `${server.url}/storage/${oid}${part ? `/${part}` : ""}`;
    if (count === 1) return { oid, size, actions: { upload: { href: href() } } };
    const header = Object.fromEntries(
      Array.from({ length: count }, (_, i) => [String(i + 1).padStart(5, "0"), href(i + 1)]),
    );
    const upload = {
      href: `${server.url}/complete/${oid}`,
      header: { chunk_size: `${server.partSize}`, ...header },
    };
    return { oid, size, actions: { upload } };
  }

  function store(oid: string, part: string | undefined, body: Buffer): Found {
    if (part === undefined) server.stored.set(oid, body);
    else parts.set(`${oid}/${part}`, body);
    return { headers: { etag: `"${part ?? "whole"}"` } };
  }

  function complete(oid: string, asked: { parts: { partNumber: number; etag: string }[] }): Found {
    const whole = Buffer.concat(asked.parts.map(({ partNumber }) => parts.get(`${oid}/${partNumber}`)!));
    if (createHash("sha256").update(whole).digest("hex") !== oid) return { status: 400 };
    server.stored.set(oid, whole);
    return {};
  }

  function commit(id: string, ndjson: string): Found {
    const lines: { key: string; value: Record<string, string> }[] = ndjson
      .split("\n")
      .map((line) => JSON.parse(line));
    for (const { key, value } of lines) {
      const { path, oid, content } = value;
      if (key === "lfsFile") server.repos[id]!.files[path!] = server.stored.get(oid!)!;
      if (key === "file") server.repos[id]!.files[path!] = Buffer.from(content!, "base64");
    }
    const commitOid = "c".repeat(40);
    return { json: { commitOid, commitUrl: `${server.url}/${id}/commit/${commitOid}`, hookOutput: "" } };
  }
}

interface Found {
  status?: number;
  headers?: Record<string, string>;
  json?: unknown;
}

const isStorage = (asked: string) => /^(PUT \/storage|POST \/complete)/.test(asked);
const isKnown = ({ headers }: IncomingMessage) => headers.authorization === `Bearer ${TOKEN}`;
