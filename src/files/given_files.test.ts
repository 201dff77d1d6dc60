import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FetchProgress } from "./fetch_file.ts";
import { memoryFolder } from "./folder.ts";
import { type DirectoryHandle, type FileHandle, gatherFiles, givenName } from "./given_files.ts";

const LONG = "x".repeat(300_000);
const server = createServer(({ url }, response) => {
  if (url === "/none") response.writeHead(404).end();
  else if (url === "/page")
    response.setHeader("content-type", "text/html; charset=utf-8").end("<!doctype html>");
  else if (url === "/packed") response.setHeader("content-encoding", "gzip").end(gzipSync(LONG));
  else if (url === "/cut") {
    response.writeHead(200, { "content-length": LONG.length }).write(LONG.slice(9));
    setTimeout(() => response.destroy(), 20);
  } else if (url !== "/slow") response.end(LONG);
});
const at = (path: string) => new URL(path, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const fileHandle = (name: string, text: string): FileHandle => ({
  kind: "file",
  name,
  getFile: async () => new File([text], name),
});
const directoryHandle = (name: string, entries: (FileHandle | DirectoryHandle)[]): DirectoryHandle => ({
  kind: "directory",
  name,
  async *entries() {
    for (const handle of entries) yield [handle.name, handle];
  },
});

/** Every file's text, by name. */
async function texts(given: Parameters<typeof gatherFiles>[0]): Promise<Record<string, string>> {
  const files = await gatherFiles(given);
  const folder = memoryFolder(files, "model");
  const read = Object.keys(files).map(async (name) => [name, (await folder.text(name))!] as const);
  return Object.fromEntries(await Promise.all(read));
}

describe("files are given", () => {
  test("as bytes, text, Blobs, handles and addresses, side by side", async () => {
    const bytes = new TextEncoder().encode("bytes");
    const files = {
      a: bytes,
      b: "text",
      c: new Blob(["blob"]),
      d: fileHandle("x", "handle"),
      e: at("/long"),
    };
    expect(await texts(files)).toEqual({ a: "bytes", b: "text", c: "blob", d: "handle", e: LONG });
  });

  test("as a folder's handle: its files and its chat templates, nothing of other folders", async () => {
    const folder = directoryHandle("smol", [
      fileHandle("config.json", "{}"),
      directoryHandle("additional_chat_templates", [fileHandle("tool_use.jinja", "tools")]),
      directoryHandle("onnx", [fileHandle("model.onnx", "?")]),
    ]);
    const given = { "config.json": "{}", "additional_chat_templates/tool_use.jinja": "tools" };
    expect(await texts(folder)).toEqual(given);
  });

  test("as an input's Files, chosen one by one or as a folder", async () => {
    const inFolder = Object.assign(new File(["{}"], "config.json"), {
      webkitRelativePath: "smol/config.json",
    });
    const deeper = Object.assign(new File(["t"], "a.jinja"), { webkitRelativePath: "smol/more/a.jinja" });
    expect(await texts([new File(["1"], "a.json"), inFolder, deeper])).toEqual({
      ...{ "a.json": "1", "config.json": "{}", "more/a.jinja": "t" },
    });
  });

  test("with names that objects have anyway", async () => {
    const files = Object.fromEntries([["__proto__", "text"]]);
    expect(Object.entries(await gatherFiles(files))).toEqual([["__proto__", "text"]]);
  });

  test.each([
    ["an address as text", "https://example.org/config.json", /config\.json: .*https:.*new URL/s],
    ["a number", 7, /config\.json: .*a URL.*number/s],
    ["null", null, /config\.json: .*null/s],
    ["an object", {}, /config\.json: .*object/s],
    ["a folder's handle", directoryHandle("x", []), /config\.json: .*object/s],
    [
      "a handle whose file is gone",
      { ...fileHandle("x", ""), getFile: () => Promise.reject(new Error("it is gone")) },
      /config\.json: .*it is gone.*Choose it again/s,
    ],
  ])("but not as %s", async (_, file, message) => {
    await expect(gatherFiles({ "config.json": file as string })).rejects.toThrow(message);
  });
});

describe("an address", () => {
  test("tells its progress; how much there is, where the server says so", async () => {
    const progress: FetchProgress[] = [];
    const onProgress = (one: FetchProgress) => void progress.push(one);
    await gatherFiles({ plain: at("/long"), packed: at("/packed") }, { onProgress });
    const last = (file: string) => progress.findLast((one) => one.file === file);
    expect(last("plain")).toEqual({ file: "plain", loaded: LONG.length, total: LONG.length });
    expect(last("packed")).toEqual({ file: "packed", loaded: LONG.length, total: undefined });
  });

  test.each([
    ["/none", /the server answered 404.*Check the address/s],
    ["/page", /the server sent a page of HTML.*Check the address/s],
    ["/cut", /can't be fetched.*Check the connection/s],
  ])("%s is refused: %s", async (path, why) => {
    for (const onProgress of [undefined, () => {}]) {
      const failed = gatherFiles({ "config.json": at(path) }, { onProgress });
      await expect(failed).rejects.toMatchObject({ code: "files.not-fetched", place: "config.json" });
      await expect(failed).rejects.toThrow(why);
    }
  });

  test("of nobody is refused", async () => {
    const nobody = { "config.json": new URL("http://127.0.0.1:9/config.json") };
    await expect(gatherFiles(nobody)).rejects.toMatchObject({ code: "files.not-fetched" });
  });

  test("isn't waited for once the caller gives up", async () => {
    const signal = AbortSignal.timeout(50);
    await expect(gatherFiles({ a: at("/slow") }, { signal })).rejects.toMatchObject({ name: "TimeoutError" });
  });
});

test("what has a name brings it along", () => {
  expect(givenName(new File([], "rows.csv"))).toBe("rows.csv");
  expect(givenName(fileHandle("rows.tsv", ""))).toBe("rows.tsv");
  expect(givenName(new URL("https://example.org/data/my%20rows.jsonl.gz?download=true"))).toBe(
    "my rows.jsonl.gz",
  );
  for (const nameless of ["{}", new Uint8Array(), new Blob([])])
    expect(() => givenName(nameless)).toThrow("readRows(file,");
});
