import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { AttuneError } from "../text/errors.ts";

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
  const response = request ? await handle(request) : new Response(null, { status: 400 });
  // What was not read of a refused body is not waited for; the client is told, or its next request would meet the end.
  const isLast = !incoming.complete;
  if (isLast) outgoing.setHeader("connection", "close");
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body) await send(response.body, outgoing);
  if (isLast) outgoing.once("finish", () => incoming.destroy());
  outgoing.end();
}

/** undefined of a request whose target is no URL. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | undefined {
  const { method = "GET", url = "/", headers } = incoming;
  const target = `http://${headers.host ?? "localhost"}${url}`;
  if (!url.startsWith("/") || !URL.canParse(target)) return undefined;
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? (Readable.toWeb(incoming) as ReadableStream<Uint8Array>) : null;
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
