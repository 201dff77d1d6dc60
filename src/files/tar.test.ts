import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tarOf } from "./tar.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";

const home = temporaryDirectory();

test("tar reads what was written, of any size and name", async () => {
  const long = `${"deep".repeat(20)}/${"n".repeat(90)}.bin`;
  const contents: Record<string, string> = {
    "a.txt": "x",
    "empty.json": "",
    "b/block.bin": "y".repeat(512),
    "b/ü.txt": "z".repeat(70_000),
    [long]: "long",
  };
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(join(home("from"), name, ".."), { recursive: true });
    writeFileSync(home("from", name), text);
  }
  symlinkSync("/etc/passwd", home("from", "link"));
  const parts: Uint8Array[] = [];
  for await (const part of tarOf(home("from"), "model")) parts.push(part);
  writeFileSync(home("all.tar"), Buffer.concat(parts));
  mkdirSync(home("to"));
  execFileSync("tar", ["-xf", home("all.tar"), "-C", home("to")]);
  for (const [name, text] of Object.entries(contents))
    expect(readFileSync(home("to/model", name), "utf8") === text, name).toBe(true);
  const listed = execFileSync("tar", ["-tf", home("all.tar")], { encoding: "utf8" });
  expect(listed.trim().split("\n")).toHaveLength(5);
});
