import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { crc32, zip } from "./src/zip.ts";
import { unzip } from "./testing/served_page.ts";

const files = {
  "adapter_config.json": new TextEncoder().encode('{"r": 8}'),
  "überall.bin": Uint8Array.from({ length: 300 }, (_, i) => i),
};

test("CRC-32 of the check string", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});

test("an archive holds its files", async () => {
  const archive = new Uint8Array(await zip(files).arrayBuffer());
  expect(unzip(archive)).toEqual(files);
});

const UNZIP = "/usr/bin/unzip";

test.skipIf(!existsSync(UNZIP))(`${UNZIP} finds no fault with it (skipped without it)`, async () => {
  const directory = mkdtempSync(join(tmpdir(), "attune-zip-"));
  try {
    const path = join(directory, "a.zip");
    writeFileSync(path, new Uint8Array(await zip(files).arrayBuffer()));
    expect(execFileSync(UNZIP, ["-t", path], { encoding: "utf8" })).toMatch(/No errors detected/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
