import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "tsdown";
import type { TestProject } from "vitest/node";
import { BUILT_IN, PROGRAMS } from "../../src/testing/programs.ts";
import { program } from "../../tsdown.config.ts";

const root = join(import.meta.dirname, "../..");

/**
 * Builds the programs that tests start, once for all.
 *
 * @returns what removes them again; nothing for further projects of the run, which call this too
 */
export default async function buildPrograms(project: TestProject): Promise<(() => void) | undefined> {
  if (process.env[BUILT_IN]) return;
  const outDir = mkdtempSync(join(root, ".test-programs-")); // inside, so that they find their modules and the demo
  process.env[BUILT_IN] = outDir;
  const entry = { ...program.entry, ...PROGRAMS };
  const rebuild = async () => {
    await build({ ...program, config: false, cwd: root, entry, outDir, dts: false, logLevel: "error" });
    cpSync(join(root, "src/runtime/session_worker.mjs"), join(outDir, "session_worker.mjs"));
  };
  await rebuild();
  project.onTestsRerun(rebuild);
  return () => rmSync(outDir, { recursive: true, force: true });
}
