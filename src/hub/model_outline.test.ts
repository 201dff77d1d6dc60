import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { modelOutline } from "./model_outline.ts";
import { resolveModel } from "./resolve_model.ts";
import { type HubServer, startHubServer } from "./testing/hub_server.ts";

const files = {
  "config.json": '{"model_type":"llama"}',
  "tokenizer.json": "{}",
  "model.safetensors": randomBytes(300_000),
};
const path = temporaryDirectory();
let server: HubServer;
beforeEach(async () => {
  server = await startHubServer({
    "org/tiny": { kind: "model", commit: "0123456789abcdef0123456789abcdef01234567", files },
  });
});
afterEach(() => server.close());

const options = () => ({ env: { HF_ENDPOINT: server.url, HF_HOME: path(), HOME: path() } });

test("of a model that isn't here the small files come, and the size of the rest", async () => {
  const { directory, download } = await modelOutline("org/tiny", options());
  expect(download).toEqual({ files: 1, bytes: 300_000 });
  expect(
    ["config.json", "tokenizer.json", "model.safetensors"].map((f) => existsSync(join(directory, f))),
  ).toEqual([true, true, false]);
  expect(await modelOutline("org/tiny", options())).toEqual({ directory, download });
});

test("of one that is here there is nothing to download, and the hub isn't asked", async () => {
  const directory = await resolveModel("org/tiny", options());
  await server.close();
  expect(await modelOutline("org/tiny", options())).toEqual({ directory });
  expect(await modelOutline(directory)).toEqual({ directory });
});

test("what is nowhere is an error", async () => {
  await expect(modelOutline("org/none", options())).rejects.toMatchObject({ name: "AttuneError" });
  await expect(modelOutline("./none")).rejects.toMatchObject({ code: "files.missing" });
});
