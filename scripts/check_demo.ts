/** Does the demo still show what it should? Runs it and holds its scores against what is promised. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demoSettings } from "../src/cli/commands/demo.ts";
import { runDemo } from "../src/cli/demo.ts";
import { packageFile } from "../src/cli/package_root.ts";
import { openScreen } from "../src/cli/screen.ts";

const PROMISED = { before: 0.1, after: 0.8 }; // at most, at least

const output = mkdtempSync(join(tmpdir(), "attune-demo-"));
try {
  const base = packageFile("demo/base");
  const result = await runDemo({ ...demoSettings, base, output, screen: openScreen() });
  const { before, after } = result!;
  if (!(before <= PROMISED.before && after >= PROMISED.after))
    throw new Error(`the demo went from ${before} to ${after}, promised is ${JSON.stringify(PROMISED)}`);
} finally {
  rmSync(output, { recursive: true, force: true });
}
