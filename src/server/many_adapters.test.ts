import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LoadedModel, loadModel } from "../generation/load_model.ts";
import { writeRandomLora } from "../testing/random_lora.ts";
import { createServer } from "./create_server.ts";
import { createServedModels } from "./served_models.ts";

const BASE = fileURLToPath(new URL("../../demo/base", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "attune-many-"));

/** Of other ranks, modules and scales. */
const ADAPTERS = {
  one: { seed: 1, r: 8, alpha: 4 },
  two: { seed: 2, r: 4, alpha: 4, targetModules: ["q_proj", "v_proj", "down_proj"] },
  three: { seed: 3, r: 12, alpha: 2, useRslora: true, rankPattern: { o_proj: 3 } },
};
const NAMES = Object.keys(ADAPTERS);

let model: LoadedModel;
let client: OpenAI;

beforeAll(async () => {
  const adapters: Record<string, string> = {};
  for (const [name, wanted] of Object.entries(ADAPTERS))
    adapters[name] = await writeRandomLora(BASE, join(home, name), wanted);
  model = await loadModel(BASE, { threads: 1, adapters });
  const served = [null, ...NAMES].map((adapter) => ({
    ...{ id: adapter ?? "base", speaker: model, adapter, created: 1700000000 },
  }));
  const { fetch } = createServer({ models: createServedModels(served), maxWaiting: 100 });
  client = new OpenAI({
    apiKey: "none",
    baseURL: "http://localhost/v1",
    maxRetries: 0,
    fetch: (url, init) => fetch(new Request(url as string, init as RequestInit)),
  });
});
afterAll(async () => {
  await model.release();
  rmSync(home, { recursive: true });
});

const ask = async (id: string, content: string, max_tokens: number) => {
  const messages = [{ role: "user" as const, content }];
  const { choices } = await client.chat.completions.create({
    model: id,
    messages,
    max_tokens,
    temperature: 0,
  });
  return choices[0]!.message.content;
};

test("a hundred concurrent chats over three adapters have the answers they have alone", async () => {
  const chat = (i: number) => ask(NAMES[i % 3]!, `Say ${"word ".repeat(i % 9)}${i % 33}.`, 4 + (i % 13));
  const alone: (string | null)[] = [];
  for (let i = 0; i < 100; i++) alone.push(await chat(i));
  expect(await Promise.all(Array.from({ length: 100 }, (_, i) => chat(i)))).toEqual(alone);
});

test("and the adapters change the answers, each in its own way", async () => {
  const answers = await Promise.all(
    ["base", ...NAMES].map((id) => ask(id, "Name the capital of France.", 8)),
  );
  expect(new Set(answers).size).toBe(4);
});
