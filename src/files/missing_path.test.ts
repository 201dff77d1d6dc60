import { mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { missingPath } from "./missing_path.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";

const at = temporaryDirectory();

function give(): void {
  mkdirSync(at("models/base"), { recursive: true });
  mkdirSync(at("data"), { recursive: true });
  writeFileSync(at("data/train.jsonl"), "");
}

test.each<[path: string, wanted: "file" | "directory", near: string | undefined]>([
  ["models/bse", "directory", "models/base"],
  ["models/bse/", "directory", "models/base"],
  ["models/bse//", "directory", "models/base"],
  ["modls/base", "directory", "models/base"],
  ["modls/bse", "directory", "models"],
  ["models/other", "directory", undefined],
  ["data/trian.jsonl", "file", "data/train.jsonl"],
  ["data/trian.jsonl", "directory", undefined],
  ["dat/train.jsonl", "file", "data/train.jsonl"],
  ["nowhere/at/all", "file", undefined],
])("%s", async (path, wanted, near) => {
  give();
  const what = wanted === "file" ? "there is no such file or directory" : "there is no such directory";
  expect(await missingPath(at(path), wanted)).toEqual({
    code: "files.missing",
    place: at(path),
    problem: near ? `${what}; did you mean ${at(near)}?` : what,
  });
});

test("relative paths stay so", async () => {
  expect((await missingPath("./srk", "directory")).problem).toMatch(/did you mean \.\/src\?/);
  expect((await missingPath("./srk/text", "directory")).problem).toMatch(/did you mean \.\/src\/text\?/);
  expect((await missingPath("../rows-that-nobody-has", "directory")).problem).toBe(
    "there is no such directory",
  );
});

test("a home that the shell would have put in", async () => {
  expect((await missingPath("~", "directory")).problem).toBe(
    `there is no such directory: "~" is the shell's; write ${join(homedir())}`,
  );
  expect((await missingPath("~/nothing/of/this", "directory")).problem).toBe("there is no such directory");
});
