/** What goes wrong with a page's files, its browser and its device: it is said, and nothing is lost that was saved. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumMissing } from "../src/testing/chromium.ts";
import { closeTab, dropFile, dropFiles, launchChromium, visit } from "../web/testing/visit.ts";
import { exampleRows } from "./src/examples.ts";
import { servePlayground } from "./testing/served_page.ts";

const where = chromiumMissing ? `(skipped: ${chromiumMissing})` : "in Chromium";
const DESKTOP = { viewport: { width: 1280, height: 900 } };
const ROWS = exampleRows().slice(0, 12);
const asLines = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join("\n");

describe.skipIf(chromiumMissing)(where, { timeout: 180_000 }, () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof servePlayground>>;
  beforeAll(async () => {
    [server, browser] = await Promise.all([servePlayground(), launchChromium()]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const alerts = (page: Page) => page.getByRole("alert").allInnerTexts();
  const tuneButton = (page: Page) => page.getByRole("button", { name: "Tune", exact: true });
  const goOnButton = (page: Page) => page.getByRole("button", { name: /^Go on from step/ }).first();

  /** Rows dropped and a run of many steps begun: until a step is done or, with `saved`, a checkpoint of it is kept. */
  async function beginRun(page: Page, { saved = false } = {}): Promise<void> {
    await dropFile(page, "rows.jsonl", asLines(ROWS));
    await page.getByLabel("Passes over the rows").fill("300");
    await page.getByText(/^12 rows, 900 steps/).waitFor();
    await tuneButton(page).click();
    const step = saved ? /^Step (1[1-9]|[2-9]\d|\d{3}) of 900/ : /^Step [1-9]\d* of 900/;
    await page.getByText(step).waitFor({ timeout: 90_000 });
  }

  const stepNow = async (page: Page) =>
    Number(await page.getByRole("progressbar").getAttribute("aria-valuenow"));
  const savedStep = async (page: Page) => Number(/\d+/.exec(await goOnButton(page).innerText()));

  test("files without rows, too large or of another kind are named, each, and cost none that are there", async () => {
    const { page, faults, close } = await visit(browser, server.url, DESKTOP);
    await page.getByRole("button", { name: "Use example rows" }).click();
    await page.getByText("What is trained").waitFor();
    const shown = page.getByText(/^Rows 1 to 8 of/);
    const before = await shown.innerText();
    await dropFiles(page, {
      "empty.jsonl": "",
      "head.csv": "question,answer\n",
      "list.json": "[]",
      "photo.png": "x",
    });
    await expect.poll(async () => (await alerts(page)).length).toBe(4);
    const said = await alerts(page);
    expect(said[0]).toMatch(/empty\.jsonl: the file is empty/);
    expect(said[1]).toMatch(/head\.csv: the file holds no rows/);
    expect(said[2]).toMatch(/list\.json: the file holds no rows/);
    expect(said[3]).toMatch(/photo\.png: files that end in \.png are not read/);
    expect(await shown.innerText()).toBe(before);

    await dropFile(page, "large.jsonl", '{"instruction":"a","output":"b"}\n'.repeat(20_001));
    await page.getByText(/large\.jsonl: it holds more than a page can work with: 20000 rows/).waitFor();
    expect(await alerts(page)).toHaveLength(1);
    expect(await shown.innerText()).toBe(before);

    await dropFiles(page, { "photo.png": "x", "one.jsonl": asLines(ROWS.slice(0, 1)) });
    await page.getByText(/^One row, \d+ steps\.$/).waitFor();
    expect(await alerts(page)).toEqual([expect.stringMatching(/photo\.png/)]);
    expect(faults).toEqual([]);
    await close();
  });

  test("rows without answers, and columns that nobody knows, are said before a step is taken", async () => {
    const { page, faults, close } = await visit(browser, server.url, DESKTOP);
    const none = [1, 2].map((n) => ({ instruction: `Say ${n}.`, output: "" }));
    await dropFile(page, "none.jsonl", asLines(none));
    await page.getByText(/none of 2 examples can be trained on.*row 1: the answer .* is empty/s).waitFor();
    expect(await tuneButton(page).isDisabled()).toBe(true);
    await dropFile(page, "some.jsonl", asLines([{ instruction: "Say three.", output: "three" }]));
    await page.getByText("Rows left out, as they hold nothing to learn: 2").waitFor();
    await expect.poll(() => tuneButton(page).isEnabled()).toBe(true);

    await page.getByRole("button", { name: "Remove all" }).click();
    await dropFile(page, "package.json", '{"name": "x", "version": "1"}');
    await page.getByText("Say first which columns hold question and answer.").waitFor();
    expect(await tuneButton(page).isDisabled()).toBe(true);

    await dropFile(page, "adapter_model.safetensors", "x");
    await page.getByText(/not a model directory: it has no config\.json/).waitFor();
    await page.getByText("The demo's model").waitFor(); // is still there
    await dropFile(page, "more.jsonl", asLines(ROWS));
    await expect.poll(() => alerts(page)).not.toContain(expect.stringMatching(/not a model directory/));
    expect(faults).toEqual([]);
    await close();
  });

  test("where storage is full the page says so, holds what was saved when its worker dies, and asks before it is closed", async () => {
    const visited = await visit(browser, server.url, DESKTOP);
    const { page } = visited;
    await page.getByText(/million parameters,/).waitFor();
    const devtools = await page.context().newCDPSession(page);
    const { origin } = new URL(server.url);
    await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 30_000 }); // less than a checkpoint
    await beginRun(page, { saved: true });
    await page.getByText("The browser's storage is full").waitFor();
    await dropFile(page, "late.jsonl", asLines(ROWS));
    await page.getByText("It is being tuned: drop files when that is done.").waitFor();
    await visited.killWorker();
    await page.getByText("The browser gave up").waitFor();
    const saved = await savedStep(page);
    expect(saved).toBeGreaterThanOrEqual(10);
    await goOnButton(page).click();
    await expect.poll(() => stepNow(page), { timeout: 60_000 }).toBeGreaterThan(saved);
    await closeTab(page);
    expect(visited.asked).toEqual(["beforeunload"]);
    expect(visited.faults).toEqual([]);
    await visited.close();
  });

  test("two tabs: the second one's run doesn't touch what the first one keeps", async () => {
    const visited = await visit(browser, server.url, DESKTOP);
    await beginRun(visited.page, { saved: true });
    await visited.page.getByRole("button", { name: "Stop" }).click();
    await visited.page.getByText(/^Stopped after step/).waitFor();
    const stopped = await savedStep(visited.page);
    const second = await visited.openTab();
    await second.getByText("Another tab keeps its run here").waitFor();
    await beginRun(second);
    await closeTab(second);
    expect(visited.asked).toEqual(["beforeunload"]); // nothing keeps what it did
    const first = await visited.comeBack();
    expect(visited.asked).toHaveLength(1);
    await first.getByText(`Welcome back. Your run is kept: step ${stopped} of 900 is done.`).waitFor();
    await goOnButton(first).click();
    await expect.poll(() => stepNow(first), { timeout: 60_000 }).toBeGreaterThan(stopped);
    expect(visited.faults).toEqual([]);
    await visited.close();
  });
});
