/**
 * The files of a repository on ModelScope.
 * Source: modelscope hub/api.py (get_model_files, get_dataset_files) and hub/file_download.py (get_file_download_url).
 */
import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { readSmall } from "./body.ts";
import { type Connection, printable, request, shown } from "./connection.ts";
import { checkFileName, type RemoteFile } from "./remote_file.ts";
import type { Repo } from "./repo.ts";
import { unknownAnswer } from "./unknown_answer.ts";

export interface ModelScopeFile extends RemoteFile {
  /** The commit that last changed the file. */
  revision: string;
}

const PAGE = 100;
const MOST_PAGES = 2000;
const JSON_LIMIT = 32 * 2 ** 20; // bytes

const Answer = z.object({ Code: z.int(), Message: z.string().nullish(), Data: z.unknown().optional() });
const Files = z.object({
  Files: z
    .array(
      z.object({
        Type: z.string(),
        Path: z.string(),
        Size: z.int().nonnegative().nullish(),
        Sha256: z.string().nullish(),
        Revision: z.string().nullish(),
      }),
    )
    .nullish(),
});
type Entry = NonNullable<z.output<typeof Files>["Files"]>[number];
const Dataset = z.object({ Id: z.union([z.int(), z.string().regex(/^\w+$/)]) });

/** @throws HttpError; AttuneError when the answer is not of the known shape. */
export async function listModelScope(repo: Repo, connection: Connection): Promise<ModelScopeFile[]> {
  const entries =
    repo.kind === "model" ? await modelFiles(repo, connection) : await datasetFiles(repo, connection);
  return entries
    .filter(({ Type }) => Type !== "tree")
    .map((entry) => remoteFile(repo, entry, connection.endpoint));
}

async function modelFiles({ id, revision = "master" }: Repo, connection: Connection): Promise<Entry[]> {
  const query = new URLSearchParams({ Revision: revision, Recursive: "True" });
  return (await ask(`models/${id}/repo/files?${query}`, Files, connection)).Files ?? [];
}

/** Pages of 100; their address has the data set's number in it. */
async function datasetFiles({ id, revision = "master" }: Repo, connection: Connection): Promise<Entry[]> {
  const { Id } = await ask(`datasets/${id}`, Dataset, connection);
  const entries = new Map<string, Entry>();
  for (let page = 1; page <= MOST_PAGES; page++) {
    const where = { Revision: revision, Root: "/", Recursive: "True" };
    const query = new URLSearchParams({ ...where, PageNumber: String(page), PageSize: String(PAGE) });
    const { Files: found } = await ask(`datasets/${Id}/repo/tree?${query}`, Files, connection);
    for (const entry of found ?? []) {
      if (entries.has(entry.Path))
        throw new AttuneError({
          code: "hub.endless-listing",
          place: `modelscope:${id}`,
          problem: `the hub lists ${JSON.stringify(entry.Path.slice(0, 100))} twice`,
          wayOut: "Try again",
        });
      entries.set(entry.Path, entry);
    }
    if ((found ?? []).length < PAGE) return [...entries.values()];
  }
  throw new AttuneError({
    code: "hub.endless-listing",
    place: `modelscope:${id}`,
    problem: `the hub lists more than ${PAGE * MOST_PAGES} files`,
  });
}

async function ask<T>(path: string, shape: z.ZodType<T>, connection: Connection): Promise<T> {
  const url = `${connection.endpoint}/api/v1/${path}`;
  const body = await readSmall(await request(url, connection), url, connection, JSON_LIMIT);
  const { Code, Message, Data } = parse(body, Answer, url);
  if (Code !== 200)
    throw new AttuneError({
      code: "hub.refused",
      place: shown(url),
      problem: `the hub answers ${Code}: ${printable(Message ?? "no reason given", connection.token)}`,
    });
  return parse(Data, shape, url);
}

function parse<T>(value: unknown, shape: z.ZodType<T>, url: string): T {
  try {
    const read = Buffer.isBuffer(value) ? JSON.parse(value.toString("utf8")) : value;
    return shape.parse(read, { reportInput: true });
  } catch (error) {
    throw unknownAnswer({ place: shown(url), wayOut: "Is MODELSCOPE_ENDPOINT right?" }, error);
  }
}

function remoteFile(repo: Repo, { Path, Size, Sha256, Revision }: Entry, endpoint: string): ModelScopeFile {
  checkFileName(Path, `modelscope:${repo.id}`);
  const sha256 = Sha256?.toLowerCase();
  return {
    path: Path,
    size: Size ?? 0,
    checksum: sha256 && /^[0-9a-f]{64}$/.test(sha256) ? { algorithm: "sha256", hex: sha256 } : undefined,
    url: contentAddress(repo, Path, endpoint),
    revision: Revision ?? "",
  };
}

function contentAddress({ kind, id, revision = "master" }: Repo, path: string, endpoint: string): string {
  const where = { Revision: revision, FilePath: path };
  const query = new URLSearchParams(kind === "model" ? where : { Source: "SDK", ...where, View: "False" });
  return `${endpoint}/api/v1/${kind}s/${id}/repo?${query}`;
}
