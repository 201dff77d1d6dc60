import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { build, preview } from "vite";
import { CHROMIUM } from "../../src/testing/chromium.ts";

const configFile = fileURLToPath(new URL("../vite.config.ts", import.meta.url));

/** Builds the page into a temporary folder and serves it as `npm run playground` does. */
export async function servePlayground(): Promise<{ url: string; close(): Promise<void> }> {
  const outDir = mkdtempSync(join(tmpdir(), "attune-playground-"));
  const options = { configFile, logLevel: "error", build: { outDir, emptyOutDir: true } } as const;
  await build(options);
  const server = await preview({ ...options, preview: { port: 0 } });
  const url = server.resolvedUrls!.local[0]!;
  return {
    url,
    async close() {
      await server.close();
      rmSync(outDir, { recursive: true, force: true });
    },
  };
}

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
      ...["--disable-background-networking", "--disable-component-update"],
    ],
  });

export interface Visit {
  page: Page;
  /** What went wrong: the console's errors, exceptions, requests to others than the page's own host. */
  faults: string[];
  /** Another one beside it. */
  openTab(): Promise<Page>;
  /** Lets what computes end as it does when there is no more memory. */
  killWorker(): Promise<void>;
  /** Closes the tab and opens another one. */
  comeBack(): Promise<Page>;
  close(): Promise<void>;
}

/** A person's browser, without a network: every request but the page's own origin is aborted. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions): Promise<Visit> {
  const context = await browser.newContext(options);
  const faults: string[] = [];
  const { origin } = new URL(url);
  await context.route(
    (asked) => asked.origin !== origin,
    (route) => {
      faults.push(`asked for ${route.request().url()}`);
      return route.abort();
    },
  );
  const open = async () => {
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    page.on("pageerror", (error) => faults.push(String(error.stack)));
    await page.goto(url);
    return page;
  };
  const visited: Visit = {
    page: await open(),
    faults,
    openTab: open,
    async killWorker() {
      const [worker] = visited.page.workers();
      await worker!.evaluate(() => {
        setTimeout(() => {
          throw new Error("no more memory");
        });
      });
    },
    async comeBack() {
      await visited.page.close();
      visited.page = await open();
      return visited.page;
    },
    close: () => context.close(),
  };
  return visited;
}

/** Drops a file onto the page, as from a folder beside the browser. */
export async function dropFile(page: Page, name: string, content: string): Promise<void> {
  const dataTransfer = await page.evaluateHandle(
    ([name, content]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([content], name));
      return transfer;
    },
    [name, content] as const,
  );
  await page.dispatchEvent("body", "dragover", { dataTransfer });
  await page.dispatchEvent("body", "drop", { dataTransfer });
}

/** The files of a zip archive whose entries are stored. */
export function unzip(archive: Uint8Array): Record<string, Uint8Array> {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const files: Record<string, Uint8Array> = {};
  for (let at = 0; view.getUint32(at, true) === 0x04034b50; ) {
    const [size, nameLength] = [view.getUint32(at + 18, true), view.getUint16(at + 26, true)];
    const start = at + 30 + nameLength + view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(archive.subarray(at + 30, at + 30 + nameLength));
    files[name] = archive.slice(start, start + size);
    at = start + size;
  }
  return files;
}
