import { mkdirSync, writeFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { createServer } from "../create_server.ts";
import { createServedModels } from "../served_models.ts";
import { openPage } from "./page.ts";

const at = temporaryDirectory();
beforeEach(() => {
  mkdirSync(at("studio/assets"), { recursive: true });
  writeFileSync(at("studio/index.html"), "<!doctype html>");
  writeFileSync(at("studio/assets/index-abc.js"), "1");
  writeFileSync(at("studio/assets/notes.map"), "no page's file");
  writeFileSync(at("secret.html"), "secret");
});

const serverOf = (directory: string, options = {}) =>
  createServer({ models: createServedModels([]), page: openPage(directory), ...options });
const get = (path: string, headers = {}, host = "localhost") =>
  new Request(`http://${host}${path}`, { headers });

test("its files are served, with their types and a policy that lets nothing else in", async () => {
  const { fetch } = serverOf(at("studio"));
  const index = await fetch(get("/"));
  expect([index.status, await index.text()]).toEqual([200, "<!doctype html>"]);
  expect(index.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(index.headers.get("content-security-policy")).toMatch(
    /^default-src 'self'; .*frame-ancestors 'none'/,
  );
  expect(index.headers.get("cache-control")).toBe("no-cache");
  const script = await fetch(get("/assets/index-abc.js"));
  expect(script.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  expect(script.headers.get("x-content-type-options")).toBe("nosniff");
});

test("nothing beside them is, however a path is written", async () => {
  const { fetch } = serverOf(at("studio"));
  const paths = [
    "/../secret.html",
    "/%2e%2e/secret.html",
    "/..%2fsecret.html",
    "/assets/..%5c..%5csecret.html",
  ];
  for (const path of [...paths, "/assets/notes.map", "/assets", "//secret.html", "/index.html%00"])
    expect((await fetch(get(path))).status, path).toBe(404);
});

test("no key is asked for it, but for what it asks", async () => {
  const { fetch } = serverOf(at("studio"), { apiKey: "key" });
  expect((await fetch(get("/"))).status).toBe(200);
  expect((await fetch(get("/v1/models"))).status).toBe(401);
});

test("from sources that aren't built it says how to build it", async () => {
  const { fetch } = serverOf(at("nothing"));
  const response = await fetch(get("/"));
  expect([response.status, await response.text()]).toEqual([404, expect.stringContaining("npm run build")]);
});

test("another name for this machine gets nothing of it; an address is no such name", async () => {
  const options = { hosts: ["localhost"], addresses: true };
  const { fetch } = serverOf(at("studio"), options);
  expect((await fetch(get("/", {}, "evil.example"))).status).toBe(403);
  expect((await fetch(get("/", {}, "192.168.1.5:8080"))).status).toBe(200);
  expect((await fetch(get("/", {}, "[fe80::1]:8080"))).status).toBe(200);
  const { fetch: strict } = serverOf(at("studio"), { hosts: ["localhost"] });
  expect((await strict(get("/", {}, "192.168.1.5"))).status).toBe(403);
});

test("requests that change something are refused from pages of other sites", async () => {
  const { fetch } = serverOf(at("studio"));
  const post = (headers: Record<string, string>) =>
    fetch(new Request("http://localhost/v1/nothing", { method: "POST", headers }));
  for (const site of ["cross-site", "same-site"])
    expect((await post({ "sec-fetch-site": site })).status, site).toBe(403);
  expect((await post({ origin: "null" })).status).toBe(403);
  expect((await post({ origin: "http://localhost:9999" })).status).toBe(403);
  for (const site of ["same-origin", "none"])
    expect((await post({ "sec-fetch-site": site })).status).toBe(404);
  expect((await post({})).status).toBe(404); // a program
});
