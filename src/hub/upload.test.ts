import { afterEach, beforeEach, expect, test } from "vitest";
import { startUploadServer, TOKEN, type UploadServer } from "./testing/upload_server.ts";
import { type UploadOptions, uploadFiles } from "./upload.ts";

let server: UploadServer;
beforeEach(async () => {
  server = await startUploadServer();
});
afterEach(() => server.close());

const large = Buffer.alloc(10_000, 7);
const middle = Buffer.alloc(2_000, 8);
const small = Buffer.from("# A model");
const files = Object.entries({
  "README.md": small,
  "onnx/model.onnx": large,
  "model.safetensors": middle,
}).map(([path, bytes]) => ({ path, content: new Blob([bytes]), size: bytes.length }));
const push = (options: Partial<UploadOptions> = {}) =>
  uploadFiles({
    ...{ to: "harbour/bay", files, title: "Upload" },
    env: { HF_ENDPOINT: server.url, HF_TOKEN: TOKEN },
    tuning: { attempts: 2, firstPause: 1 },
    ...options,
  });
const refusal = (options: Partial<UploadOptions> = {}): Promise<string> =>
  push(options).then(
    () => "nothing was thrown",
    (error) => `${error.code}: ${error.message}`,
  );

test("files of all sizes, in a private repository that is made", async () => {
  const seen: number[] = [];
  const report = await push({ onProgress: (done) => seen.push(done) });
  expect(report).toEqual({ url: `${server.url}/harbour/bay`, commit: "c".repeat(40), isNew: true });
  const { private: isPrivate, files: there } = server.repos["harbour/bay"]!;
  expect(isPrivate).toBe(true);
  expect(there).toEqual({ "README.md": small, "onnx/model.onnx": large, "model.safetensors": middle });
  expect(server.asked.filter((asked) => asked.startsWith("PUT")).length).toBe(4); // three parts, and one whole
  expect(Math.max(...seen)).toBe(large.length + middle.length + small.length);
  expect(seen.some((done) => done > 0 && done < large.length)).toBe(true);
});

test("public where that is said", async () => {
  await push({ isPublic: true });
  expect(server.repos["harbour/bay"]!.private).toBe(false);
});

test("a repository that is there is used; a public one only when that is meant", async () => {
  server.repos["harbour/bay"] = { private: true, files: { "old.txt": small } };
  expect(await push()).toMatchObject({ isNew: false });
  expect(Object.keys(server.repos["harbour/bay"]!.files)).toContain("old.txt");
  server.repos["harbour/bay"]!.private = false;
  const before = server.asked.length;
  expect(await refusal()).toMatch(/^hub\.public-repository: .*everyone can see it.*--public/);
  expect(server.asked.slice(before)).toEqual([expect.stringMatching(/^GET .*harbour\/bay/)]);
  expect(await push({ isPublic: true })).toMatchObject({ isNew: false });
});

test("after an interruption, what is there is not sent again", async () => {
  server.fault = (asked) => (asked.includes("/commit/") ? 500 : undefined);
  expect(await refusal()).toMatch(/^hub\.upload-failed: .*answers 500.*not sent again/s);
  expect(server.repos["harbour/bay"]!.files).toEqual({});
  server.fault = () => undefined;
  const before = server.asked.length;
  await push();
  expect(server.asked.slice(before).filter((asked) => asked.startsWith("PUT"))).toEqual([]);
  expect(Object.keys(server.repos["harbour/bay"]!.files).length).toBe(3);
});

test("a fault that passes is tried again", async () => {
  let left = 1;
  server.fault = (asked) => (asked.startsWith("PUT") && left-- > 0 ? 503 : undefined);
  await push();
  expect(server.repos["harbour/bay"]!.files["onnx/model.onnx"]).toEqual(large);
});

test("the storage never sees the token, and errors never show it", async () => {
  await push();
  const storage = server.headers.filter((_, i) => /storage|complete/.test(server.asked[i]!));
  expect(storage.length).toBe(5);
  for (const headers of storage) expect(JSON.stringify(headers)).not.toContain(TOKEN);
  server.fault = () => 500;
  expect(await refusal()).not.toContain(TOKEN);
});

test.each<[string, Partial<UploadOptions>, number | undefined, RegExp]>([
  ["a wrong token", {}, 401, /^hub\.token-refused: harbour\/bay: the hub does not accept the token/],
  ["no right to write", {}, 403, /^hub\.may-not-write: /],
  ["a name without an owner", { to: "bay" }, undefined, /^hub\.wrong-name: "bay".*org\/name/],
  ["a name that can't be", { to: "harbour/b ay" }, undefined, /^hub\.wrong-name: /],
  ["a revision", { to: "harbour/bay@v1" }, undefined, /^hub\.wrong-name: /],
])("%s", async (_, options, status, expected) => {
  server.fault = () => status;
  expect(await refusal(options)).toMatch(expected);
});

test("no token, and no network", async () => {
  const env = { HF_ENDPOINT: server.url, HF_HOME: "/nowhere" };
  expect(await refusal({ env })).toMatch(/^hub\.no-token: .*HF_TOKEN/);
  expect(await refusal({ env: { ...env, HF_HUB_OFFLINE: "1" } })).toMatch(/^hub\.offline: /);
  expect(server.asked).toEqual([]);
});

test("aborting ends it with the signal's reason", async () => {
  const stop = new AbortController();
  server.fault = (asked) => {
    if (asked.startsWith("PUT")) stop.abort(new Error("enough"));
    return undefined;
  };
  await expect(push({ signal: stop.signal })).rejects.toThrow("enough");
});
