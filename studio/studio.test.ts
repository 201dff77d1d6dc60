/** The studio's path from a file to chatting with what was tuned, in Chromium, as on a desktop and on a phone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumMissing } from "../src/testing/chromium.ts";
import { exampleRows } from "../web/example_rows.ts";
import { dropFile, launchChromium, visit } from "../web/testing/visit.ts";
import { chooseByKeyboard, pressOn, tabTo } from "./testing/by_keyboard.ts";
import { checkAccess } from "./testing/check_access.ts";
import { buildStudio, serveStudio } from "./testing/served_studio.ts";

const where = chromiumMissing ? `(skipped: ${chromiumMissing})` : "in Chromium";
const DESKTOP = { viewport: { width: 1280, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, locale: "zh-CN" };
const rows = exampleRows().slice(0, 60);
const lines = (all: readonly object[]) => all.map((row) => JSON.stringify(row)).join("\n");

describe.skipIf(chromiumMissing)(where, { timeout: 240_000 }, () => {
  const jobs = mkdtempSync(join(tmpdir(), "attune-studio-"));
  let browser: Browser;
  let server: Awaited<ReturnType<typeof serveStudio>>;
  beforeAll(async () => {
    await buildStudio();
    [server, browser] = await Promise.all([serveStudio("--jobs", jobs), launchChromium()]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(jobs, { recursive: true, force: true });
  });

  test("desktop: a file is dropped, seen, tuned, measured, exported, and the result talked to", async () => {
    const { page, faults, close } = await visit(browser, server.url, DESKTOP);
    await page.getByText("Drop a file of examples here").waitFor();
    await checkAccess(page, "nothing there");

    await dropFile(page, "my rows.jsonl", lines(rows));
    await page.getByText("Nothing looks wrong").or(page.getByText("Equal to an earlier row")).waitFor();
    expect(await page.locator(".seen-row mark").first().innerText()).toBe(`${rows[0]!.output}<|im_end|>`);
    await page.getByText("It fits this machine.").waitFor();
    await page.getByText(/^All settings/).click();
    await page.getByText("As YAML").click();
    await page.getByText("Why?").first().click();

    await page.getByLabel("Passes over the rows").fill("-1");
    await page.getByText(/expected a number above 0/).waitFor();
    expect(await page.getByRole("button", { name: "Start tuning" }).isDisabled()).toBe(true);
    await checkAccess(page, "a plan with a fault");
    await page.getByLabel("Passes over the rows").fill("2");
    await expect.poll(() => page.locator(".code").innerText()).toContain("epochs: 2");
    await expect.poll(() => page.getByRole("button", { name: "Start tuning" }).isEnabled()).toBe(true);

    await page.getByRole("button", { name: "Start tuning" }).click();
    await page.locator(".badge.succeeded").waitFor({ timeout: 60_000 });
    expect(await page.locator(".line-chart canvas").count()).toBe(4);
    await page.getByRole("heading", { name: "Sample answers" }).waitFor();

    await page.getByRole("button", { name: "Evaluate" }).click();
    await page.getByText("Evaluation: at work").waitFor();
    await page.getByRole("combobox", { name: "Format" }).selectOption("peft");
    await page.getByRole("button", { name: "Export" }).click();
    await page.locator(".paths code").waitFor({ timeout: 60_000 });
    expect(await page.locator(".paths code").innerText()).toMatch(/exports\/peft$/);
    expect(await page.getByRole("row", { name: /^Exactly right/ }).innerText()).toMatch(/%/);
    await checkAccess(page, "a run that is done");

    await page.getByRole("link", { name: "Chat with it" }).click();
    await ask(page, "Write in capitals: small dog");
    const models = await page
      .locator(".answer")
      .evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset.model));
    expect(models).toEqual(["base", expect.stringMatching(/^ft:base:my-rows:/)]);
    await checkAccess(page, "a chat");

    await page.getByRole("link", { name: "New run" }).click();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByText("One file uploaded before").click();
    await checkAccess(page, "files uploaded before");
    await page.getByRole("button", { name: "Use my rows.jsonl" }).click();
    await page.getByText("Nothing looks wrong").or(page.getByText("Equal to an earlier row")).waitFor();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByText("One file uploaded before").click();
    await page.getByRole("button", { name: "Remove my rows.jsonl" }).click();
    await expect.poll(() => page.getByText("One file uploaded before").count()).toBe(0);
    expect(faults).toEqual([]);
    await close();
  });

  test("phone, in Chinese: a run is paused, resumed, and compared with another", async () => {
    const { page, faults, close } = await visit(browser, server.url, PHONE);
    await page
      .locator("input[type=file]")
      .setInputFiles({ name: "行.jsonl", mimeType: "", buffer: Buffer.from(lines(rows)) });
    await page.getByText("本机可以运行。").waitFor();
    await noSideways(page);
    await checkAccess(page, "a plan");
    await page.getByLabel("名称").fill("second");
    await page.getByLabel("遍数").fill("60");
    await page.getByText(/步，约/).waitFor();
    await expect.poll(() => page.getByRole("button", { name: "开始微调" }).isEnabled()).toBe(true);
    await page.getByRole("button", { name: "开始微调" }).click();

    await page.locator(".line-chart").first().waitFor({ timeout: 60_000 });
    await page.getByRole("button", { name: "暂停" }).click();
    await page.locator(".badge.paused").waitFor();
    await checkAccess(page, "a run that is paused");
    await page.getByRole("button", { name: "继续" }).click();
    await page.locator(".badge.running, .badge.queued").waitFor();
    await page.getByRole("button", { name: "取消" }).click();
    await page.locator(".badge.cancelled").waitFor();
    await noSideways(page);

    await page.getByRole("navigation").getByRole("link", { name: "训练记录" }).click();
    await page.locator(".run-line").nth(1).waitFor();
    for (const box of await page.locator(".run-line input").all()) await box.check();
    await checkAccess(page, "runs");
    await page.getByRole("link", { name: "对比" }).click();
    await page.getByRole("row", { name: /训练损失/ }).waitFor();
    expect(await page.getByRole("columnheader", { name: /^second/ }).count()).toBe(2);
    await noSideways(page);
    await checkAccess(page, "runs compared");
    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("heading", { name: "Compare" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("en");
    expect(faults).toEqual([]);
    await close();
  });

  test("by keyboard alone: a file is chosen, tuned, exported, and the result talked to", async () => {
    const { page, faults, close } = await visit(browser, server.url, DESKTOP);
    const button = (name: string | RegExp) => page.getByRole("button", { name });
    await page.getByText("Drop a file of examples here").waitFor();
    const input = page.getByLabel("Choose a file");
    await chooseByKeyboard(page, input, { name: "keys.jsonl", content: lines(rows) });
    await page.getByText("It fits this machine.").waitFor();
    await tabTo(page, page.getByLabel("Name", { exact: true }));
    await page.keyboard.type("typed");
    await tabTo(page, page.getByLabel("Passes over the rows"));
    await page.keyboard.type("1");
    await expect.poll(() => button("Start tuning").isEnabled()).toBe(true);
    await pressOn(page, button("Start tuning"));
    await page.locator(".badge.succeeded").waitFor({ timeout: 60_000 });

    await tabTo(page, page.getByRole("combobox", { name: "Format" }));
    await page.keyboard.type("peft");
    await pressOn(page, button("Export"));
    await page.locator(".paths code").waitFor({ timeout: 60_000 });
    expect(await page.locator(".paths code").innerText()).toMatch(/exports\/peft$/);
    await pressOn(page, page.getByRole("link", { name: "Chat with it" }));
    await pressOn(page, page.getByRole("checkbox", { name: /^base/ }), "Space");
    await tabTo(page, page.getByLabel("Your message"));
    await page.keyboard.type("Write in capitals: small dog\n");
    await page.locator('.answer[aria-busy="false"]').waitFor({ timeout: 60_000 });
    expect(await page.locator(".answer").getAttribute("data-model")).toMatch(/^ft:base:typed:/);
    expect(faults).toEqual([]);
    await close();
  });

  test("what can't be used is named, by row; columns are asked for", async () => {
    const { page, faults, close } = await visit(browser, server.url, DESKTOP);
    await dropFile(page, "bad.jsonl", lines([...rows.slice(0, 3), { instruction: "Say three.", output: 3 }]));
    await page.getByRole("alert").filter({ hasText: "Row 4" }).waitFor();
    expect(await page.getByRole("button", { name: "Start tuning" }).isDisabled()).toBe(true);
    await checkAccess(page, "rows that can't be used");
    await page.getByRole("button", { name: "Leave it out" }).click();
    await expect.poll(() => page.getByRole("button", { name: "Start tuning" }).isEnabled()).toBe(true);
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Use example rows" }).click();
    await page.getByText("240 rows").waitFor();

    await dropFile(page, "faq.csv", 'ask,reply\n"Who, exactly?",Me\nWhere?,Here\n');
    const columns = page.getByRole("group", { name: "Which columns hold question and answer?" });
    await columns.getByLabel("Question").selectOption("ask");
    await columns.getByLabel("Answer").selectOption("reply");
    await checkAccess(page, "columns");
    await columns.getByRole("button", { name: "Use these" }).click();
    await expect
      .poll(() => page.locator(".seen-row mark").allInnerTexts())
      .toEqual(["Me<|im_end|>", "Here<|im_end|>"]);

    await dropFile(page, "image.png", "x");
    await page.getByRole("alert").waitFor();
    expect(faults.filter((fault) => !/status of 400/.test(fault))).toEqual([]);
    await close();
  });

  test("a key is asked for once; without a place for runs the page says how to have one", async () => {
    const locked = await serveStudio("--api-key", "secret");
    const visited = await visit(browser, locked.url, DESKTOP);
    const { page, faults } = visited;
    await checkAccess(page, "a key is asked for");
    await page.getByLabel("API key").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("That isn't the key.").waitFor();
    await page.getByLabel("API key").fill("secret");
    await page.keyboard.press("Enter");
    await page.getByText("attune serve … --jobs jobs").waitFor();
    await page.reload();
    await page.getByText("attune serve … --jobs jobs").waitFor();
    await page.getByRole("link", { name: "Runs" }).click();
    await page.getByRole("heading", { name: "Runs" }).waitFor();
    await page.getByText("attune serve … --jobs jobs").waitFor();
    await page.getByRole("link", { name: "Chat" }).click();
    await ask(page, "Write in capitals: small dog");
    expect(faults.filter((fault) => !/status of 401/.test(fault))).toEqual([]);

    await locked.close();
    await ask(page, "Are you there?");
    await page.getByText("The server doesn't answer. Is attune serve still running?").waitFor();
    await page.getByRole("link", { name: "Runs" }).click();
    await page.getByRole("heading", { name: "Runs" }).waitFor();
    await visited.close();
  });
});

async function ask(page: Page, question: string): Promise<void> {
  await page.getByLabel("Your message").fill(question);
  await page.keyboard.press("Enter");
  await expect
    .poll(() => page.locator('.answer[aria-busy="false"]').count(), { timeout: 60_000 })
    .toBeGreaterThan(0);
  await expect.poll(() => page.locator('.answer[aria-busy="true"]').count(), { timeout: 60_000 }).toBe(0);
}

const noSideways = async (page: Page) =>
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
