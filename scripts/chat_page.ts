/** examples/chat.html in Chromium: what it shows after a person said something. No request leaves the machine. */
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { CHROMIUM } from "../src/testing/chromium.ts";

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
};
const FLAGS = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

export interface ChatPage {
  /** Holds `mine-js`, the exported model. */
  folder: string;
  /** The node_modules folder of transformers.js, which stands for the page's CDN. */
  packages: string;
  device: "wasm" | "webgpu";
  say: string;
}

/** @returns the answer. @throws where the page has an error, or asks for more than the folder and the packages hold. */
export async function chatInPage(options: ChatPage): Promise<string> {
  const server = await serve(options);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    const { port } = server.address() as AddressInfo;
    return await answerIn(browser, `http://127.0.0.1:${port}/chat.html`, options);
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

async function serve({ folder, device }: ChatPage) {
  const page = readFileSync(new URL("../examples/chat.html", import.meta.url), "utf8");
  const shown = page.replace('"mine-js")', `"mine-js", { device: "${device}" })`);
  const server = createServer(({ url }, response) => {
    const path = new URL(url!, "http://page").pathname;
    answer(response, path, () => (path === "/chat.html" ? shown : readFileSync(join(folder, path))));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}

function answer(response: ServerResponse, path: string, read: () => string | Buffer) {
  try {
    response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream").end(read());
  } catch {
    response.writeHead(404).end();
  }
}

async function answerIn(browser: Browser, url: string, { packages, say }: ChatPage): Promise<string> {
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on("pageerror", ({ message }) => faults.push(message));
  await onlyLocal(page, new URL(url).origin, packages, faults);
  await page.goto(url);
  await page.waitForFunction("window.say.onchange !== null", undefined, { timeout: 120_000 }).catch(() => {});
  if (faults.length > 0) throw new Error(faults.join("\n"));
  await page.fill("#say", say);
  await page.press("#say", "Enter");
  await page.waitForFunction("window.log.value.includes('assistant: ')", undefined, { timeout: 300_000 });
  const log = await page.inputValue("#log");
  return log.slice(log.indexOf("assistant: ") + "assistant: ".length);
}

/** The CDN's files come from `packages`; other hosts are faults. */
async function onlyLocal(page: Page, origin: string, packages: string, faults: string[]): Promise<void> {
  await page.route(
    (asked) => asked.origin !== origin,
    async (route) => {
      const asked = new URL(route.request().url());
      const [, name, rest] = /^\/npm\/((?:@[\w-]+\/)?[\w-]+)@[^/]+(\/.*)?$/.exec(asked.pathname) ?? [];
      if (asked.host !== "cdn.jsdelivr.net" || name === undefined) {
        faults.push(`asked for ${asked}`);
        return route.abort();
      }
      const path =
        rest ?? `/${JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8")).jsdelivr}`;
      await route.fulfill({
        body: readFileSync(join(packages, name, path)),
        contentType: TYPES[extname(path)],
        headers: { "access-control-allow-origin": "*" },
      });
    },
  );
}
