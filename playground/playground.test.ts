/** The page's path from rows to an adapter, in Chromium without a network, as on a desktop and on a phone. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadModel, openBase, readAdapter } from "../src/browser.ts";
import { openSession } from "../src/runtime/node.ts";
import { chromiumMissing, runInChromium } from "../src/testing/chromium.ts";
import { goldenPath } from "../src/testing/goldens.ts";
import { dropFile, launchChromium, visit } from "../web/testing/visit.ts";
import { exampleRows } from "./src/examples.ts";
import { servePlayground, unzip } from "./testing/served_page.ts";

const DEMO = fileURLToPath(new URL("../demo/base", import.meta.url));
const where = chromiumMissing ? `(skipped: ${chromiumMissing})` : "in Chromium";

describe.skipIf(chromiumMissing)(where, { timeout: 120_000 }, () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof servePlayground>>;
  beforeAll(async () => {
    [server, browser] = await Promise.all([servePlayground(), launchChromium()]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  test("desktop: rows are dropped, seen, tuned; answers change; the adapter is the one Node reads", async () => {
    const visited = await visit(browser, server.url, { viewport: { width: 1280, height: 900 } });
    const { page, faults } = visited;
    const rows = exampleRows().slice(0, 32);
    await dropFile(page, "rows.jsonl", rows.map((row) => JSON.stringify(row)).join("\n"));
    await page.getByText("What is trained").waitFor();
    expect(await page.locator(".preview mark").first().textContent()).toContain(rows[0]!.output);

    await page.getByLabel("Passes over the rows").fill("3");
    const promised = await page.getByText(/^32 rows, \d+ steps/).textContent();
    await page.getByRole("button", { name: "Tune", exact: true }).click();
    const done = page.getByText(/^Tuned: \d+ steps/);
    await done.waitFor({ timeout: 90_000 });
    expect(await done.textContent()).toContain(/\d+ steps/.exec(promised!)![0]);
    expect(await page.locator(".plot path.line").count()).toBeGreaterThan(1);

    const question = `${rows[0]!.instruction}\n\n${rows[0]!.input}`.trim();
    const { before, after } = await askPage(page, question);
    expect(after).not.toBe(before);

    const files = await downloadAdapter(page);
    expect(faults).toEqual([]);
    await visited.close();
    await sameInNode(files, { question, after });
  });

  test("phone, in Chinese and dark: rows are written, a run is stopped, gone on with in another tab", async () => {
    const visited = await visit(browser, server.url, {
      ...{ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
      ...{ locale: "zh-CN", colorScheme: "dark" },
    });
    let { page } = visited;
    await page.getByText("演示模型", { exact: true }).waitFor();
    for (const [i, answer] of ["RED", "BLUE", "GREEN"].entries()) {
      await page.getByRole("button", { name: "添加一行" }).click();
      const focused = page.locator("textarea:focus");
      expect(await focused.getAttribute("aria-label")).toBe(`第 ${i + 1} 行, 问题`);
      await page.getByLabel(`第 ${i + 1} 行, 问题`).fill(`Write ${answer.toLowerCase()} in capitals.`);
      await page.getByLabel(`第 ${i + 1} 行, 回答`).fill(answer);
    }
    await page.getByText("训练的内容").waitFor();
    await page.getByText("换一个模型").click();
    const download = await page.getByRole("button", { name: "下载", exact: true }).boundingBox();
    expect(download!.width).toBeGreaterThan(download!.height); // its word isn't broken
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);

    await page.getByLabel("遍数").fill("500");
    await page.getByRole("button", { name: "开始微调" }).click();
    await page.getByText(/^第 (1[1-9]|[2-9]\d|\d{3}) 步，共 500 步/).waitFor({ timeout: 60_000 });

    page = await visited.comeBack(); // in the middle of a run
    const button = page.getByRole("button", { name: /从第 \d+ 步继续/ }).first();
    const saved = Number(/\d+/.exec((await button.textContent())!));
    expect(saved % 10).toBe(0);
    expect(await page.getByLabel("第 3 行, 回答").inputValue()).toBe("GREEN");
    await button.click();
    const step = async () => Number(await page.getByRole("progressbar").getAttribute("aria-valuenow"));
    await expect.poll(step, { timeout: 60_000 }).toBeGreaterThan(saved);

    await visited.killWorker();
    await page.getByText("浏览器放弃了，很可能是内存不足").waitFor();
    await button.click();
    await page.getByRole("button", { name: "停止" }).click();
    await page.getByText(/^停在第 \d+ 步/).waitFor();
    expect(Object.keys(await downloadAdapter(page, "下载适配器"))).toHaveLength(2);
    expect(visited.faults).toEqual([]);
    await visited.close();
  });

  test("rows that can't be read or used are named, and left out on a click", async () => {
    const visited = await visit(browser, server.url, { viewport: { width: 1280, height: 900 } });
    const { page } = visited;
    const lines = [
      '{"instruction": "Say one.", "output": "one"}',
      '{"instruction": "Say two.", "output": ',
      '{"instruction": "Say three.", "output": 3}',
    ];
    await dropFile(page, "bad.jsonl", lines.join("\n"));
    await page.getByText("A row of bad.jsonl can't be read").waitFor();
    expect(await page.getByRole("alert").first().textContent()).toMatch(/Row 2: invalid JSON at column/);
    await page.getByText("One row can't be used").waitFor();
    expect(await page.getByRole("button", { name: "Tune", exact: true }).isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Leave it out" }).click();
    await expect.poll(() => page.getByRole("button", { name: "Tune", exact: true }).isEnabled()).toBe(true);

    await page.getByRole("button", { name: "Remove all" }).click();
    await dropFile(page, "faq.csv", 'ask,reply\n"Who, exactly?",Me\n');
    const columns = page.getByRole("group", { name: "Which columns hold question and answer?" });
    await columns.getByLabel("Question").selectOption("ask");
    await columns.getByLabel("Answer").selectOption("reply");
    await expect.poll(() => page.locator(".preview mark").allTextContents()).toEqual(["Me", "<|im_end|>"]);

    await dropFile(page, "image.png", "x");
    await page.getByText(/image\.png: files that end in \.png are not read/).waitFor();
    expect(await page.getByText("This browser has no WebGPU").isVisible()).toBe(true);
    const second = await visited.openTab();
    await second.getByText("Another tab keeps its run here").waitFor();
    expect(visited.faults).toEqual([]);
    await visited.close();
  });

  test("another model comes as files, or from the hub on a click, and is there again on the next visit", async () => {
    const visited = await visit(browser, server.url, { viewport: { width: 1280, height: 900 } });
    const asked = await serveHub(visited.page.context(), "org/tiny");
    const page = visited.page;
    await page.getByText(/million parameters,/).waitFor();
    await page.getByText("Another model …").click();
    await page.getByLabel("Choose its files").setInputFiles(modelFiles());
    await page.getByText("model", { exact: true }).waitFor();

    await page.getByLabel("Or a model of the Hugging Face hub, by name").fill("org/none");
    await page.getByRole("button", { name: "Download" }).click();
    await page.getByText("the server answered 404").waitFor();
    await page.getByLabel("Or a model of the Hugging Face hub, by name").fill("org/tiny");
    await page.getByRole("button", { name: "Download" }).click();
    await page.getByText("org/tiny", { exact: true }).waitFor();
    const count = asked.length;
    expect(count).toBeGreaterThan(3);
    const again = await visited.comeBack();
    await again.getByText("org/tiny", { exact: true }).waitFor();
    expect(asked).toHaveLength(count); // it came from the browser's storage
    expect(visited.faults.filter((fault) => !/status of 404/.test(fault))).toEqual([]);
    await visited.close();
  });
});

const TINY = goldenPath("models/llama-gqa");
const modelFiles = () => readdirSync(TINY).map((name) => join(TINY, name));

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** Answers in the hub's place, for one model. @returns what was asked for */
async function serveHub(context: BrowserContext, name: string): Promise<string[]> {
  const asked: string[] = [];
  const headers = { "access-control-allow-origin": "*" };
  await context.route("https://huggingface.co/**", (route) => {
    const { pathname } = new URL(route.request().url());
    asked.push(pathname);
    if (pathname === `/api/models/${name}/revision/main`) {
      const siblings = ["README.md", ...readdirSync(TINY)].map((rfilename) => ({ rfilename }));
      return route.fulfill({ json: { sha: COMMIT, siblings }, headers });
    }
    const [, file] = pathname.split(`/${name}/resolve/${COMMIT}/`);
    return file
      ? route.fulfill({ path: join(TINY, file), headers })
      : route.fulfill({ status: 404, headers });
  });
  return asked;
}

async function askPage(page: Page, question: string): Promise<{ before: string; after: string }> {
  await page.getByLabel("Question", { exact: true }).fill(question);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.locator('.answers[aria-busy="false"]').waitFor({ timeout: 60_000 });
  const text = (who: string) => page.locator(`[data-answer="${who}"]`).innerText();
  return { before: await text("before"), after: await text("after") };
}

async function downloadAdapter(
  page: Page,
  name = "Download the adapter",
): Promise<Record<string, Uint8Array>> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name }).click(),
  ]);
  return unzip(new Uint8Array(readFileSync((await download.path())!)));
}

const TOKENS = [1, 30, 40, 50, 60, 2];

/** The adapter's logits and answer in Node are those in Chromium. */
async function sameInNode(files: Record<string, Uint8Array>, said: { question: string; after: string }) {
  expect(Object.keys(files).sort()).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
  await readAdapter(files);
  const base = await openBase(demoFiles());
  const model = await loadModel(base, { adapters: { mine: files }, openSession, device: "cpu" });
  const { text } = await model.chat([{ role: "user", content: said.question }], {
    temperature: 0,
    maxTokens: 96,
  });
  expect(text.trim()).toBe(said.after.trim());
  const logits = await model.logits(TOKENS);
  await model.release();
  const inChromium = (await runInChromium(logitsModule(files))) as number[];
  const difference = Math.max(...inChromium.map((value, i) => Math.abs(value - logits[i]!)));
  expect(inChromium).toHaveLength(logits.length);
  expect(difference).toBeLessThan(1e-4);
}

const demoFiles = (): Record<string, Uint8Array> =>
  Object.fromEntries(readdirSync(DEMO).map((name) => [name, new Uint8Array(readFileSync(join(DEMO, name)))]));

const logitsModule = (adapter: Record<string, Uint8Array>) => `
  import { loadModel, openBase } from "./src/browser.ts";
  const decode = (texts) => Object.fromEntries(Object.entries(texts).map(
    ([name, text]) => [name, Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]));
  async function run() {
    const base = await openBase(decode(${inBase64(demoFiles())}));
    const model = await loadModel(base, { adapters: { mine: decode(${inBase64(adapter)}) }, threads: 1 });
    return Array.from(await model.logits(${JSON.stringify(TOKENS)}));
  }`;

const inBase64 = (files: Record<string, Uint8Array>) =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]),
    ),
  );
