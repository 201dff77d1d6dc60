/** Some bytes of a remote file, written to their place; tried again where the connection broke. */
import type { FileHandle } from "node:fs/promises";
import { errorCode } from "../files/disk_error.ts";
import { AttuneError } from "../text/errors.ts";
import { chunks } from "./body.ts";
import { type Connection, drop, HttpError, pause, request, shown } from "./connection.ts";
import type { FilePart } from "./partial_file.ts";
import type { ProgressCounter } from "./progress.ts";
import type { RemoteFile } from "./remote_file.ts";

export interface PartWork {
  remote: RemoteFile;
  part: FilePart;
  /** The part is the whole file: then a server that knows no ranges will do. */
  alone: boolean;
  file: FileHandle;
  connection: Connection;
  counter: ProgressCounter;
  /** Called after each write. */
  note: () => Promise<void>;
}

/** The server sends the whole file, or refuses, where a range was asked for. */
export class RangeRefused extends AttuneError {
  constructor({ path }: RemoteFile) {
    super({
      code: "hub.range-refused",
      place: path,
      problem: "the connection broke off, and the hub doesn't send the rest of a file",
      wayOut: "Try again",
    });
  }
}

const PROGRESS = 2 ** 20; // bytes that make earlier failures forgotten

export async function downloadPart(work: PartWork): Promise<void> {
  const { part, connection } = work;
  let failures = 0;
  let doneAtFailure = part.done;
  while (part.start + part.done < part.end) {
    const problem = await tryPart(work);
    if (problem === undefined) continue;
    if (part.done - doneAtFailure >= PROGRESS) failures = 0;
    doneAtFailure = part.done;
    if (++failures >= connection.tuning.attempts) throw givenUp(work, problem, failures);
    await pause(connection.tuning.firstPause * 2 ** (failures - 1), connection.signal);
  }
}

function givenUp({ remote, part }: PartWork, problem: string, failures: number): AttuneError {
  const at = part.start + part.done;
  return new AttuneError({
    code: "hub.connection-broke",
    place: remote.path,
    problem: `the connection broke off ${failures} times, the last time after ${at} of ${remote.size} bytes (${problem})`,
    wayOut: "Run it again: the download goes on from there",
  });
}

/** @returns what went wrong with the connection; undefined when the part is whole. */
async function tryPart(work: PartWork): Promise<string | undefined> {
  const { connection, part } = work;
  const ranged = !work.alone || part.done > 0;
  const response = await openRange(work, ranged);
  try {
    await write(response, work);
  } catch (error) {
    connection.signal?.throwIfAborted();
    if (error instanceof AttuneError || errorCode(error)?.match(/^E(NOSPC|DQUOT|FBIG|IO|ROFS)$/)) throw error;
    return ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
  }
  return part.start + part.done < part.end ? "it ended too early" : undefined;
}

async function openRange(work: PartWork, ranged: boolean): Promise<Response> {
  const { remote, part, connection } = work;
  const from = part.start + part.done;
  const range: Record<string, string> = ranged ? { range: `bytes=${from}-${part.end - 1}` } : {};
  const headers = { "accept-encoding": "identity", ...range }; // compressed, ranges would count other bytes
  const response = await request(remote.url, connection, headers).catch((error) => {
    throw error instanceof HttpError && error.status === 416 ? new RangeRefused(remote) : error;
  });
  try {
    checkAnswer(response, remote, ranged ? from : undefined);
  } catch (error) {
    await drop(response);
    throw error;
  }
  return response;
}

/** @param from the first byte asked for; undefined when all were. */
function checkAnswer(response: Response, remote: RemoteFile, from: number | undefined): void {
  if (from !== undefined && response.status !== 206) throw new RangeRefused(remote);
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  if (from !== undefined && range && Number(range[1]) !== from) throw new RangeRefused(remote);
  const length = from === undefined ? announced(response) : range?.[2] && Number(range[2]);
  if (typeof length === "number" && length !== remote.size)
    throw new AttuneError({
      code: "hub.other-size",
      place: remote.path,
      problem: `the listing has ${remote.size} bytes, ${shown(remote.url)} has ${length}`,
      wayOut: "Try again; if it stays so, the hub is broken",
    });
}

function announced({ headers }: Response): number | undefined {
  const length = headers.get("content-length");
  return length === null || headers.has("content-encoding") ? undefined : Number(length);
}

async function write(
  response: Response,
  { remote, part, file, connection, counter, note }: PartWork,
): Promise<void> {
  for await (const chunk of chunks(response, connection)) {
    const at = part.start + part.done;
    if (at + chunk.length > part.end)
      throw new AttuneError({
        code: "hub.other-size",
        place: remote.path,
        problem: `${shown(remote.url)} sends more than the ${part.end} bytes announced`,
      });
    await writeFully(file, chunk, at);
    part.done += chunk.length;
    counter.addBytes(chunk.length);
    await note();
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let from = 0; from < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, from, bytes.length - from, position + from);
    from += bytesWritten;
  }
}
