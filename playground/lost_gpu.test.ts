/** The GPU is lost in the middle of a run: the page says so, and the run goes on from what was saved. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumMissing } from "../src/testing/chromium.ts";
import { goldenPath } from "../src/testing/goldens.ts";
import { dropFile, launchChromium, loseGpu, visit } from "../web/testing/visit.ts";
import { servePlayground } from "./testing/served_page.ts";

const where = chromiumMissing ? `(skipped: ${chromiumMissing})` : "in Chromium";
/** Smaller than the demo's: software computes. */
const MODEL = goldenPath("models/llama-gqa");
const ROWS = ["red", "blue"].map((color) => ({ instruction: `Write ${color}.`, output: color }));

describe.skipIf(chromiumMissing)(where, { timeout: 240_000 }, () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof servePlayground>>;
  beforeAll(async () => {
    [server, browser] = await Promise.all([servePlayground(), launchChromium({ webgpu: true })]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const stepNow = async (page: Page) =>
    Number(await page.getByRole("progressbar").getAttribute("aria-valuenow"));

  test("the GPU's process ends in a run: it is said, and the run goes on from its checkpoint after a reload", async () => {
    const visited = await visit(browser, server.url, { viewport: { width: 1280, height: 900 } });
    const { page } = visited;
    await page.getByText(/million parameters,/).waitFor();
    await page.getByText("Another model …").click();
    await page
      .getByLabel("Choose its files")
      .setInputFiles(readdirSync(MODEL).map((name) => join(MODEL, name)));
    await page.getByText("model", { exact: true }).waitFor();
    await dropFile(page, "rows.jsonl", ROWS.map((row) => JSON.stringify(row)).join("\n"));
    await page.getByLabel("Passes over the rows").fill("30");
    await page.getByLabel("Computes on").selectOption("webgpu");
    await page.getByText(/^2 rows, 30 steps/).waitFor();
    await page.getByRole("button", { name: "Tune", exact: true }).click();
    await expect.poll(() => stepNow(page), { timeout: 120_000, interval: 20 }).toBeGreaterThan(10);

    await loseGpu(browser);
    await page.getByText(/: the device was lost: .* The run is kept as of step \d+/).waitFor();
    await page.getByText(/The run failed\. Step \d+ is saved/).waitFor();

    const again = await visited.comeBack();
    const goOn = again.getByRole("button", { name: /^Go on from step/ }).first();
    const saved = Number(/\d+/.exec(await goOn.innerText()));
    expect([10, 20]).toContain(saved);
    expect(await again.getByLabel("Row 2, answer").inputValue()).toBe("blue");
    expect(await again.getByLabel("Computes on").inputValue()).toBe("webgpu");
    await goOn.click();
    await again.getByText("Tuned: 30 steps").waitFor({ timeout: 120_000 });
    expect(visited.faults).toEqual([]);
    await visited.close();
  });
});
