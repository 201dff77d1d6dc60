import { randomBytes } from "node:crypto";
import { lstat, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readModelScopeIndex } from "./modelscope_index.ts";
import type { HubOptions } from "./options.ts";
import { resolveDataset } from "./resolve_dataset.ts";
import { resolveModel } from "./resolve_model.ts";
import { type HubServer, sha256, startHubServer } from "./testing/hub_server.ts";

const weights = randomBytes(300_000);
const files = { "config.json": "{}", "tokenizer.json": "[]", "model.safetensors": weights, "model.bin": "x" };
const TOKEN = "ms-secretsecret";
let server: HubServer;
let home: string;

beforeEach(async () => {
  server = await startHubServer({ "org/Tiny-0.5B": { kind: "model", commit: "c1", files: { ...files } } });
  home = await mkdtemp(join(tmpdir(), "attune-hub-"));
});

afterEach(async () => {
  await server.close();
  await rm(home, { recursive: true });
});

const environment = (more = {}) => ({
  HOME: home,
  MODELSCOPE_ENDPOINT: server.url,
  MODELSCOPE_API_TOKEN: TOKEN,
  MODELSCOPE_CACHE: join(home, "ms"),
  ...more,
});
const tuning = { firstPause: 1, attempts: 2, partSize: 64_000, connections: 4 };
const resolve = (name: string, more = {}, options: HubOptions = {}) =>
  resolveModel(name, { tuning, ...options, env: environment(more) });

const directory = () => join(home, "ms", "models", "org", "Tiny-0___5B");

test("a model lies where Python's modelscope puts it, and is listed in its index", async () => {
  expect(await resolve("modelscope:org/Tiny-0.5B")).toBe(directory());
  expect((await readdir(directory())).sort()).toEqual([
    ".msc",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
  ]);
  expect(weights.equals(await readFile(join(directory(), "model.safetensors")))).toBe(true);
  expect(await realpath(join(home, "ms", "models", "org", "Tiny-0.5B"))).toBe(await realpath(directory()));
  expect([...(await readModelScopeIndex(directory()))].sort()).toEqual([
    ["config.json", "c1"],
    ["model.safetensors", "c1"],
    ["tokenizer.json", "c1"],
  ]);
  expect(server.asked[0]!.url).toBe("/api/v1/models/org/Tiny-0.5B/repo/files?Revision=master&Recursive=True");
  for (const { headers } of server.asked) {
    expect(headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect(headers.cookie).toBe(`m_session_id=${TOKEN}`);
  }
});

test("USE_MODELSCOPE_HUB=1 makes it the hub of names without prefix; offline needs no network", async () => {
  await resolve("org/Tiny-0.5B", { USE_MODELSCOPE_HUB: "1" });
  server.asked.length = 0;
  expect(await resolve("modelscope:org/Tiny-0.5B", { HF_HUB_OFFLINE: "1" })).toBe(directory());
  await expect(resolve("modelscope:org/no", { HF_HUB_OFFLINE: "1" })).rejects.toThrow(
    /modelscope:org\/no: the cache .*doesn't have it/,
  );
  expect(server.asked).toEqual([]);
});

test("only what changed is fetched again, of equal size or not", async () => {
  await resolve("modelscope:org/Tiny-0.5B");
  const repo = server.repos["org/Tiny-0.5B"]!;
  server.repos["org/Tiny-0.5B"] = { ...repo, commit: "c2", files: { ...files, "config.json": "[]" } };
  server.asked.length = 0;
  await resolve("modelscope:org/Tiny-0.5B");
  expect(server.asked.map(({ file }) => file).filter(Boolean)).toEqual(["config.json"]);
  expect(await readFile(join(directory(), "config.json"), "utf8")).toBe("[]");
  await writeFile(join(directory(), ".msc"), "not a pickle");
  server.asked.length = 0;
  await resolve("modelscope:org/Tiny-0.5B");
  expect(server.asked.map(({ file }) => file).filter(Boolean)).toEqual([]); // the checksums say so
});

test("resumed in mid-file, checked", async () => {
  server.fault = ({ file }) => (file === "model.safetensors" ? { cutAfter: 50_000 } : undefined);
  const patient = { tuning: { ...tuning, attempts: 1, connections: 1 } };
  await expect(resolve("modelscope:org/Tiny-0.5B", {}, patient)).rejects.toThrow(/broke off/);
  const partial = join(home, "ms", "models", "._____temp", "org", "Tiny-0.5B", "model.safetensors");
  expect((await lstat(partial)).size).toBeGreaterThan(0);
  server.fault = () => undefined;
  server.asked.length = 0;
  expect(await readFile(join(await resolve("modelscope:org/Tiny-0.5B"), "model.safetensors"))).toEqual(
    weights,
  );
  expect(server.asked.some(({ headers }) => headers.range === "bytes=50000-63999")).toBe(true);
});

test("a wrong body, a hostile name, a refusal", async () => {
  server.fault = ({ file }) => (file === "model.safetensors" ? { body: randomBytes(300_000) } : undefined);
  await expect(resolve("modelscope:org/Tiny-0.5B")).rejects.toThrow(
    new RegExp(`model.safetensors: expected sha256 ${sha256(weights)}`),
  );
  const Files = [{ Type: "blob", Path: "../../evil", Size: 1, Sha256: "a".repeat(64), Revision: "c" }];
  server.fault = () => ({ json: { Code: 200, Data: { Files } } });
  await expect(resolve("modelscope:org/Tiny-0.5B")).rejects.toThrow(/attune refuses the name/);
  server.fault = () => ({ json: { Code: 10010, Message: "no rights" } });
  await expect(resolve("modelscope:org/Tiny-0.5B")).rejects.toThrow(/answers 10010: no rights/);
  server.fault = () => ({ json: "<html>" });
  await expect(resolve("modelscope:org/Tiny-0.5B")).rejects.toThrow(/does not know/);
  server.fault = () => undefined;
  await expect(resolve("modelscope:org/none")).rejects.toThrow(/modelscope:org\/none: .*has no such model/);
  await expect(resolve("modelscope:none")).rejects.toThrow(/ModelScope's names are/);
});

test("a data set of several pages", async () => {
  const names = Array.from(
    { length: 130 },
    (_, i) => `data/train-${String(i).padStart(5, "0")}-of-00130.jsonl`,
  );
  const contents = Object.fromEntries(names.map((name) => [name, name]));
  server.repos["org/data"] = { kind: "dataset", commit: "c1", files: contents };
  const paths = await resolveDataset("modelscope:org/data", { tuning, env: environment() });
  const root = join(home, "ms", "datasets", "org", "data");
  expect(paths).toEqual(names.map((name) => join(root, name)));
  expect(await readFile(paths[129]!, "utf8")).toBe(names[129]);
});
