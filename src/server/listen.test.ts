import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { listen } from "./listen.ts";

const HOST = "127.0.0.1";

async function withListener<T>(
  handle: (request: Request) => Promise<Response>,
  use: (url: string, port: number) => Promise<T>,
): Promise<T> {
  const listener = await listen(handle, { port: 0, host: HOST });
  try {
    return await use(`http://${HOST}:${listener.port}`, listener.port);
  } finally {
    await listener.close();
  }
}

test("a request arrives whole, and so does its answer", async () => {
  const echo = async (request: Request) =>
    new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`, {
      status: 201,
      headers: { "x-own": request.headers.get("x-own")! },
    });
  await withListener(echo, async (url) => {
    const response = await fetch(`${url}/some/path`, {
      method: "POST",
      body: "körper",
      headers: { "x-own": "1" },
    });
    expect([response.status, response.headers.get("x-own")]).toEqual([201, "1"]);
    expect(await response.text()).toBe("POST /some/path körper");
  });
});

test("a client that leaves aborts its request", async () => {
  let left: (() => void) | undefined;
  const hasLeft = new Promise<void>((done) => {
    left = done;
  });
  const handle = async ({ signal }: Request) => {
    signal.addEventListener("abort", () => left!());
    return new Response(
      new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode("hi")) }),
    );
  };
  await withListener(handle, async (url) => {
    const leaving = new AbortController();
    const response = await fetch(url, { signal: leaving.signal });
    await response.body!.getReader().read();
    leaving.abort();
    await hasLeft;
  });
});

test("a body that is refused unread doesn't hold the answer up", async () => {
  const refuse = async () => new Response("too large", { status: 413 });
  await withListener(refuse, async (_, port) => {
    const socket = connect(port, HOST);
    socket.write(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 1000000000\r\n\r\nsome`);
    let text = "";
    socket.on("error", () => {});
    for await (const part of socket) text += part;
    expect(text).toMatch(/^HTTP\/1.1 413/);
    expect(text.toLowerCase()).toContain("connection: close"); // or its next request would meet the end
  });
});

test("a client whose body is too large sees the answer, not the connection's end", async () => {
  const refuseEarly = async () => new Response("too large", { status: 413 });
  const refuseMidway = async ({ body }: Request) => {
    for await (const _ of body!) break;
    return new Response("too large", { status: 413 });
  };
  for (const refuse of [refuseEarly, refuseMidway])
    await withListener(refuse, async (url, port) => {
      const body = Buffer.alloc(16 << 20);
      for (let i = 0; i < 2; i++) {
        const statuses = await Promise.all([
          fetch(url, { method: "POST", body }).then(({ status }) => status),
          new Promise((done, fail) => {
            const sent = httpRequest({ port, host: HOST, method: "POST" }, (response) => {
              response.resume().on("end", () => done(response.statusCode));
            });
            sent.on("error", fail).end(body);
          }),
        ]);
        expect(statuses).toEqual([413, 413]);
      }
    });
});

test("what the web's Request can't hold is answered all the same", async () => {
  const echo = async ({ url }: Request) => new Response(url);
  await withListener(echo, async (_, port) => {
    const answerTo = async (line: string) => {
      const socket = connect(port, HOST);
      socket.end(`${line} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
      let text = "";
      for await (const part of socket) text += part;
      return text;
    };
    expect(await answerTo("GET http://localhost/v1/models")).toContain("http://localhost/v1/models");
    expect(await answerTo("TRACE /")).toMatch(/^HTTP\/1.1 405[\s\S]*"code":"method_not_supported"/);
    expect(await answerTo("OPTIONS *")).toMatch(/^HTTP\/1.1 400[\s\S]*"code":"invalid_url"/);
  });
});

test("a connection whose request was read is kept", async () => {
  const read = async (request: Request) => new Response(await request.text());
  await withListener(read, async (url) => {
    const response = await fetch(url, { method: "POST", body: "x".repeat(100_000) });
    expect(response.headers.get("connection")).toBe("keep-alive");
    await response.text();
  });
});

test("a port that is taken is an error with a way out", async () => {
  const nothing = async () => new Response(null);
  await withListener(nothing, async (_, port) => {
    await expect(listen(nothing, { port, host: HOST })).rejects.toMatchObject({
      code: "server.cannot-listen",
      problem: "another program listens there",
    });
  });
});
