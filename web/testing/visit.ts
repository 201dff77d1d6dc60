import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { CHROMIUM, SOFTWARE_WEBGPU } from "../../src/testing/chromium.ts";

/** Without a GPU; with `webgpu`, WebGPU computes in software. */
export const launchChromium = ({ webgpu = false } = {}): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-sync"],
      ...["--disable-background-networking", "--disable-component-update"],
      ...(webgpu ? SOFTWARE_WEBGPU : ["--disable-gpu"]),
    ],
  });

/** Ends the process that all of the browser's tabs reach the GPU through, as a driver that fails does. */
export async function loseGpu(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  await session.send("Browser.crashGpuProcess");
  await session.detach();
}

export interface Visit {
  page: Page;
  /** What went wrong: the console's errors, exceptions, requests to others than the page's own host. */
  faults: string[];
  /** Kinds of dialogs that the browser has shown. */
  asked: string[];
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
    page.on("dialog", (dialog) => {
      visited.asked.push(dialog.type());
      return dialog.accept();
    });
    page.on("pageerror", (error) => faults.push(String(error.stack)));
    await page.goto(url);
    return page;
  };
  const visited: Visit = {
    page: undefined as never,
    faults,
    asked: [],
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
      await closeTab(visited.page);
      visited.page = await open();
      return visited.page;
    },
    close: () => context.close(),
  };
  visited.page = await open();
  return visited;
}

/** As a person does: the page may let the browser ask first, which is answered with yes. */
export async function closeTab(page: Page): Promise<void> {
  await Promise.all([page.waitForEvent("close"), page.close({ runBeforeUnload: true })]);
}

/** Drops a file onto the page, as from a folder beside the browser. */
export const dropFile = (page: Page, name: string, content: string): Promise<void> =>
  dropFiles(page, { [name]: content });

/** All at once. */
export async function dropFiles(page: Page, files: Readonly<Record<string, string>>): Promise<void> {
  const dataTransfer = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const [name, content] of Object.entries(files)) transfer.items.add(new File([content], name));
    return transfer;
  }, files);
  // Until the page listens, and shows where files may be dropped.
  await page.waitForFunction(
    (transfer) => {
      document.body.dispatchEvent(new DragEvent("dragover", { dataTransfer: transfer, bubbles: true }));
      return document.querySelector(".drop") !== null;
    },
    dataTransfer,
    { polling: 50 },
  );
  await page.dispatchEvent("body", "drop", { dataTransfer });
}
