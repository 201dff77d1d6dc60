import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";

/** A path inside a directory that each test finds empty; without parts, the directory itself. */
export function temporaryDirectory(): (...parts: string[]) => string {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "attune-test-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  return (...parts) => join(directory, ...parts);
}
