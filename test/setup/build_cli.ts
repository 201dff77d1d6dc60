/** Builds the command line once for all tests that start it: from its sources each start would take two seconds more. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "tsdown";
import type { TestProject } from "vitest/node";
import { program } from "../../tsdown.config.ts";

const root = join(import.meta.dirname, "../..");

/** @returns what removes it again; nothing for further projects of the run, which call this too */
export default async function buildCli(project: TestProject): Promise<(() => void) | undefined> {
  if (process.env.ATTUNE_TEST_CLI) return;
  const outDir = mkdtempSync(join(root, ".test-cli-")); // inside, so that it finds its modules and the demo
  process.env.ATTUNE_TEST_CLI = join(outDir, "cli.mjs");
  const { cli, tokenize_worker, measure_child } = program.entry;
  const entry = { cli, tokenize_worker, measure_child };
  const rebuild = async () => {
    await build({ ...program, config: false, cwd: root, entry, outDir, dts: false, logLevel: "error" });
    cpSync(join(root, "src/runtime/session_worker.mjs"), join(outDir, "session_worker.mjs"));
  };
  await rebuild();
  project.onTestsRerun(rebuild);
  return () => rmSync(outDir, { recursive: true, force: true });
}
