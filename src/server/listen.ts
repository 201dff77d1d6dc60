import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { ReadableStream as NodeStream } from "node:stream/web";
import { AttuneError } from "../text/errors.ts";
import { ApiError, errorResponse } from "./api_error.ts";

export interface ListenOptions {
  port: number;
  host: string;
}

/** A handler of requests on a port. */
export interface Listener {
  port: number;
  /** Takes no more connections; resolves when the last one has ended. */
  close(): Promise<void>;
}

/** @throws AttuneError when the port can't be had. */
export async function listen(
  handle: (request: Request) => Promise<Response>,
  { port, host }: ListenOptions,
): Promise<Listener> {
  const server = createHttpServer(
    { requestTimeout: 120_000, headersTimeout: 20_000 },
    (incoming, outgoing) => {
      void answer(handle, incoming, outgoing).catch(() => outgoing.destroy());
    },
  );
  await new Promise<void>((done, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) => fail(cantListen(error, host, port)));
    server.listen(port, host, done);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : port,
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeIdleConnections();
      await closed;
    },
  };
}

async function answer(
  handle: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on("close", () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  const request = requestOf(incoming, gone.signal);
  const response = request instanceof Request ? await handle(request) : request;
  if (!incoming.complete) return answerEarly(response, incoming, outgoing);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body) await send(response.body, outgoing);
  outgoing.end();
}

/**
 * Answers a request whose body has not been read to its end. What still comes of it is thrown away for a while: a connection
 * that is closed on it is all that the client would see, and not the answer.
 */
async function answerEarly(
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    "content-length": body.length, // so that the client knows where it ends before the connection does
    connection: "close",
  });
  outgoing.write(body);
  await discarded(incoming);
  outgoing.once("finish", () => incoming.destroy());
  outgoing.end();
}

const QUIET = 1000; // ms without a further byte
const LONGEST = 30_000; // ms

const discarded = (incoming: IncomingMessage) =>
  new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(quiet);
      clearTimeout(longest);
      resolve();
    };
    const [quiet, longest] = [setTimeout(done, QUIET), setTimeout(done, LONGEST)];
    incoming.on("data", () => quiet.refresh());
    incoming.once("end", done).once("close", done).once("error", done);
  });

/** A response of a request that is none of the web's. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | Response {
  const { method = "GET", url = "/", headers } = incoming;
  const target = url.startsWith("/") ? `http://${headers.host ?? "localhost"}${url}` : url;
  if (!/^https?:/i.test(target) || !URL.canParse(target)) return errorResponse(noUrl(url).fault);
  if (FORBIDDEN.includes(method)) return errorResponse(noMethod(method).fault);
  const hasBody = method !== "GET" && method !== "HEAD";
  // Who stops reading it doesn't end the connection.
  const body = hasBody ? NodeStream.from(incoming.iterator({ destroyOnReturn: false })) : null;
  const given = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]],
  );
  return new Request(target, { method, headers: given, body, signal, duplex: "half" } as RequestInit);
}

/** Waits for a slow reader, so that what it hasn't read isn't piled up twice. */
async function send(body: ReadableStream<Uint8Array>, outgoing: ServerResponse): Promise<void> {
  const reader = body.getReader();
  outgoing.on("close", () => void reader.cancel().catch(() => {}));
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(part.value)) await drained(outgoing);
  }
}

const drained = (outgoing: ServerResponse) =>
  new Promise<void>((done) => {
    outgoing.once("drain", done);
    outgoing.once("close", done);
  });

const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];

const noUrl = (url: string) =>
  new ApiError({ status: 400, message: `The request's target is no URL: ${url}.`, reason: "invalid_url" });

const noMethod = (method: string) =>
  new ApiError({
    status: 405,
    message: `The method ${method} is not supported.`,
    reason: "method_not_supported",
  });

function cantListen(error: NodeJS.ErrnoException, host: string, port: number): AttuneError {
  const isTaken = error.code === "EADDRINUSE";
  return new AttuneError(
    {
      code: "server.cannot-listen",
      place: `${host}:${port}`,
      problem: isTaken ? "another program listens there" : error.message,
      wayOut: isTaken
        ? "Choose another port (--port), or 0 for any that is free"
        : "Choose another --host or --port",
    },
    { cause: error },
  );
}
