import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const CHROMIUM = "/usr/bin/chromium";
const root = fileURLToPath(new URL("../..", import.meta.url));

/** Why no test can run in Chromium here, "" when they can. */
export const chromiumMissing = existsSync(CHROMIUM) ? "" : `no ${CHROMIUM} (Debian's package chromium)`;

/**
 * What the default export of a TypeScript module gives in a page of Chromium, as JSON. `module` imports from "./src/…";
 * it is bundled as any page's would be, but for ONNX Runtime's own files.
 * @throws with what the module threw, or when the page says nothing.
 */
export async function runInChromium(module: string, timeout = 60_000): Promise<unknown> {
  const script = await bundle(module);
  const { server, said } = await serve(script);
  const profile = mkdtempSync(join(tmpdir(), "attune-chromium-"));
  const { port } = server.address() as AddressInfo;
  const chromium = spawn(CHROMIUM, [...FLAGS, `--user-data-dir=${profile}`, `http://localhost:${port}/`]);
  const ended = once(chromium, "close");
  const stop = new AbortController();
  try {
    const { value, error } = await Promise.race<Said>([
      said,
      ended.then(([code]) => ({ error: `Chromium ended with code ${code}` })),
      setTimeout(timeout, { error: `the page said nothing in ${timeout} ms` }, stop),
    ]);
    if (error) throw new Error(error);
    return value;
  } finally {
    stop.abort();
    chromium.kill();
    server.close();
    server.closeAllConnections();
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What the page tells. */
interface Said {
  value?: unknown;
  error?: string;
}

/** Without a GPU, WebGPU is SwiftShader's. */
export const SOFTWARE_WEBGPU = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-unsafe-swiftshader",
];

const FLAGS = ["--headless=new", "--no-sandbox", ...SOFTWARE_WEBGPU];

async function bundle(module: string): Promise<string> {
  const contents = `${module}
    run().then((value) => ({ value }), (error) => ({ error: String(error?.stack ?? error) }))
      .then((said) => fetch("/said", { method: "POST", body: JSON.stringify(said) }));`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "browser",
    external: ["onnxruntime-web"],
    write: false,
  });
  return outputFiles[0]!.text;
}

const PAGE = `<!doctype html>
  <script type="importmap">{ "imports": {
    "onnxruntime-web/wasm": "/ort/ort.wasm.bundle.min.mjs",
    "onnxruntime-web/webgpu": "/ort/ort.webgpu.bundle.min.mjs"
  } }</script>
  <script type="module" src="/main.js"></script>`;

/** Serves the page, and waits for what it says. */
async function serve(script: string): Promise<{ server: Server; said: Promise<Said> }> {
  const server = createServer();
  const said = new Promise<Said>((resolve) => {
    server.on("request", async (request, response) => {
      const { pathname } = new URL(request.url!, "http://localhost");
      if (pathname === "/said") resolve(JSON.parse(await textOf(request)));
      const [type, body] = pageOrFile(pathname, script);
      response.writeHead(body === undefined ? 404 : 200, { "content-type": type }).end(body);
    });
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  return { server, said };
}

function pageOrFile(path: string, script: string): [type: string, body?: string | Buffer] {
  if (path === "/") return ["text/html", PAGE];
  if (path === "/main.js") return ["text/javascript", script];
  const [, name] = /^\/ort\/([\w.-]+)$/.exec(path) ?? [];
  const file = join(root, "node_modules/onnxruntime-web/dist", name ?? "");
  if (!name || !existsSync(file)) return ["text/plain"];
  return [name.endsWith(".wasm") ? "application/wasm" : "text/javascript", readFileSync(file)];
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}
