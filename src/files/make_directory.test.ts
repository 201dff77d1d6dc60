import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { makeDirectory } from "./make_directory.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";

const at = temporaryDirectory();

test("says what it had to make, in the mode it is told", async () => {
  expect(await makeDirectory(at("a/b/c"), 0o700)).toBe(at("a"));
  if (process.platform !== "win32") expect(statSync(at("a/b/c")).mode & 0o777).toBe(0o700);
  expect(await makeDirectory(at("a/b/c"))).toBeUndefined();
});

test("the system's reason comes through", async () => {
  writeFileSync(at("file"), "");
  await expect(makeDirectory(at("file/a/b"))).rejects.toThrow(/ENOTDIR/);
  mkdirSync(at("a"));
  const tooLong = "x".repeat(300);
  await expect(makeDirectory(at("a", tooLong, "b"))).rejects.toThrow(/ENAMETOOLONG/);
});

test.runIf(existsSync("/proc/self"))("a place that takes no directory is no endless loop", async () => {
  await expect(makeDirectory("/proc/attune/a/b")).rejects.toThrow(/ENOENT|EROFS|EACCES|EPERM/);
});

test("many may make it at once", async () => {
  await Promise.all(Array.from({ length: 10 }, () => makeDirectory(at("a/b/c/d"))));
  expect(existsSync(at("a/b/c/d"))).toBe(true);
});
