import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { checkUnchangedFiles, hashFile, hashUnchangedFile } from "./file_hash.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";

const at = temporaryDirectory();
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

beforeEach(() => {
  vi.stubEnv("ATTUNE_CACHE", at("cache"));
});
afterEach(() => {
  vi.unstubAllEnvs();
});

test("is the content's SHA-256", async () => {
  writeFileSync(at("x"), "abc");
  expect(await hashFile(at("x"))).toBe(sha256("abc"));
  await expect(hashFile(at("y"))).rejects.toThrow(/Cannot read .*y: there is no such file/);
  await expect(hashUnchangedFile(at("y"))).rejects.toThrow(/Cannot read .*y: there is no such file/);
});

test("is remembered, and another when the file is, though size and date are put back", async () => {
  writeFileSync(at("x"), "abc");
  const { atime, mtime } = statSync(at("x"));
  expect(await hashUnchangedFile(at("x"))).toBe(sha256("abc"));
  const [entry] = readdirSync(at("cache/hashes"));
  writeFileSync(at("cache/hashes", entry!), sha256("remembered"));
  expect(await hashUnchangedFile(at("x"))).toBe(sha256("remembered"));
  writeFileSync(at("x"), "abd");
  utimesSync(at("x"), atime, mtime);
  expect(await hashUnchangedFile(at("x"))).toBe(sha256("abd"));
  writeFileSync(at("cache/hashes", entry!), "nonsense");
  for (const name of readdirSync(at("cache/hashes"))) writeFileSync(at("cache/hashes", name), "nonsense");
  expect(await hashUnchangedFile(at("x"))).toBe(sha256("abd"));
});

test("needs no cache", async () => {
  writeFileSync(at("x"), "abc");
  writeFileSync(at("cache"), "in the way");
  expect(await hashUnchangedFile(at("x"))).toBe(sha256("abc"));
  vi.stubEnv("ATTUNE_CACHE", at("other"));
  mkdirSync(at("other"));
  writeFileSync(at("other/hashes"), "in the way");
  expect(await hashUnchangedFile(at("x"))).toBe(sha256("abc"));
});

test("files are checked once for each purpose, and again when one has changed", async () => {
  for (const name of ["x", "y"]) writeFileSync(at(name), "abc");
  let checks = 0;
  const check = (about = "finite") =>
    checkUnchangedFiles([at("x"), at("y")], about, async () => {
      checks++;
    });
  await check();
  await check();
  expect(checks).toBe(1);
  await check("other");
  expect(checks).toBe(2);
  writeFileSync(at("y"), "abd");
  await check();
  expect(checks).toBe(3);
});

test("a check that fails is not remembered", async () => {
  writeFileSync(at("x"), "abc");
  const check = () => checkUnchangedFiles([at("x")], "finite", () => Promise.reject(new Error("broken")));
  await expect(check()).rejects.toThrow("broken");
  await expect(check()).rejects.toThrow("broken");
});
