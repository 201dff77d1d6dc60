/** Requests to a hub: redirects followed by hand, secrets only to the hub itself, patience with limits. */
import { setTimeout as sleep } from "node:timers/promises";
import { AttuneError, type Fault } from "../text/errors.ts";

/** How patient and how parallel downloads are. */
export interface Tuning {
  /** Tries in a row that may fail before giving up. */
  attempts: number;
  /** Milliseconds before the second try; doubled for each further one. */
  firstPause: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  stall: number;
  /** Connections open at once. */
  connections: number;
  /** Bytes of a file that one connection fetches. */
  partSize: number;
}

export const DEFAULT_TUNING: Tuning = {
  attempts: 5,
  firstPause: 500,
  stall: 30_000,
  connections: 8,
  partSize: 64 * 2 ** 20,
};

export interface Connection {
  endpoint: string;
  token: string | undefined;
  /** Headers that only the endpoint's own origin may see. */
  secretHeaders: Record<string, string>;
  tuning: Tuning;
  signal: AbortSignal | undefined;
}

/** The hub could not be reached: what is in the cache may still do. */
export class UnreachableError extends AttuneError {
  /** Another try may do better. */
  readonly passing: boolean;
  constructor(fault: Fault, passing: boolean, cause?: unknown) {
    super(fault, { cause });
    this.passing = passing;
  }
}

/** The hub answered, and not with what was asked for. */
export class HttpError extends Error {
  readonly status: number;
  /** X-Error-Code of the Hugging Face hub, such as "GatedRepo". */
  readonly code: string | undefined;
  constructor(message: string, status: number, code: string | undefined) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const MAX_REDIRECTS = 8;
const LONGEST_WAIT = 120; // seconds that a server may ask us to wait

/**
 * GET with redirects, retries after 429, 5xx and broken connections.
 * @throws HttpError for any other answer than 2xx; UnreachableError; the signal's reason when aborted.
 */
export async function request(
  url: string,
  connection: Connection,
  headers: Record<string, string> = {},
): Promise<Response> {
  const { tuning, signal } = connection;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const outcome = await tryOnce(url, connection, headers);
    if (outcome instanceof Response && outcome.ok) return outcome;
    const error = outcome instanceof Response ? await httpError(outcome, url, connection) : outcome;
    if (attempt >= tuning.attempts || !isPassing(error)) throw error;
    const asked = outcome instanceof Response ? retryAfter(outcome, url) : undefined;
    await pause(asked ?? tuning.firstPause * 2 ** (attempt - 1), signal);
  }
}

/** Waits, and a little longer by chance, so that many clients do not come back at the same moment. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds * (1 + Math.random() / 4), undefined, { signal }).catch(() => {});
  signal?.throwIfAborted();
}

async function tryOnce(
  url: string,
  connection: Connection,
  headers: Record<string, string>,
): Promise<Response | Error> {
  try {
    return await follow(url, connection, headers);
  } catch (error) {
    connection.signal?.throwIfAborted();
    return error instanceof AttuneError ? error : connectionError(error, url);
  }
}

async function follow(
  start: string,
  connection: Connection,
  headers: Record<string, string>,
): Promise<Response> {
  let url = start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await fetchOnce(url, connection, headers);
    const location = response.headers.get("location");
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return response;
    await drop(response);
    url = nextAddress(location, url, start);
  }
  throw new AttuneError({
    code: "hub.redirect",
    place: shown(start),
    problem: `the server redirects more than ${MAX_REDIRECTS} times`,
    wayOut: "Is HF_ENDPOINT right?",
  });
}

function nextAddress(location: string, from: string, start: string): string {
  const next = URL.canParse(location, from) ? new URL(location, from) : undefined;
  const downgraded = from.startsWith("https:") && next?.protocol === "http:";
  if (!next || !/^https?:$/.test(next.protocol) || downgraded)
    throw new AttuneError({
      code: "hub.redirect",
      place: shown(start),
      problem: "the server redirects to an address that attune does not follow",
    });
  return next.href;
}

/** One exchange up to the headers; the body is watched by who reads it. */
async function fetchOnce(
  url: string,
  connection: Connection,
  headers: Record<string, string>,
): Promise<Response> {
  const { endpoint, secretHeaders, tuning, signal } = connection;
  const own = new URL(url).origin === new URL(endpoint).origin;
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Error("no answer")), tuning.stall);
  try {
    return await fetch(url, {
      redirect: "manual",
      headers: { "user-agent": "attune", ...headers, ...(own ? secretHeaders : {}) },
      signal: signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** What may have passed by itself a moment later. */
function isPassing(error: Error): boolean {
  if (error instanceof HttpError) return error.status === 429 || error.status >= 500;
  return error instanceof UnreachableError && error.passing;
}

const NO_WAY =
  /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ERR_TLS|CERT_|SELF_SIGNED|UNABLE_TO_)/;

export function connectionError(error: unknown, url: string): UnreachableError {
  const { code = "", message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  const fault = {
    code: "hub.unreachable",
    place: shown(url),
    problem: `the hub can't be reached: ${code || message}`,
    wayOut: "Check the network and HF_ENDPOINT",
  };
  return new UnreachableError(fault, !NO_WAY.test(code), error);
}

async function httpError(response: Response, url: string, { token }: Connection): Promise<HttpError> {
  const reason = response.headers.get("x-error-message") ?? response.statusText;
  await drop(response);
  const words = `${response.status}${reason ? `, ${printable(reason, token)}` : ""}`;
  const code = response.headers.get("x-error-code") ?? undefined;
  return new HttpError(`${shown(url)} answers ${words}`, response.status, code);
}

/** Closes an answer whose body is not wanted, or broken. */
export async function drop({ body }: Response): Promise<void> {
  await body?.cancel().catch(() => {});
}

/** Retry-After in milliseconds: seconds or a date. */
function retryAfter(response: Response, url: string): number | undefined {
  const text = response.headers.get("retry-after");
  if (text === null) return undefined;
  const seconds = /^\d+$/.test(text.trim()) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  if (!(seconds >= 0)) return undefined;
  if (seconds > LONGEST_WAIT)
    throw new AttuneError({
      code: "hub.asks-to-wait",
      place: shown(url),
      problem: `the server asks to wait ${Math.ceil(seconds)} seconds`,
      wayOut: "Try again then",
    });
  return seconds * 1000;
}

/** A server's words, without what could move a terminal's cursor or repeat the token. */
export function printable(text: string, token: string | undefined): string {
  const plain = text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, " ").trim();
  return (token ? plain.replaceAll(token, "…") : plain).slice(0, 200);
}

/** An address without its query, which may be signed. */
export function shown(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
