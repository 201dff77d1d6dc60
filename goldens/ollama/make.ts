/**
 * Writes cases.json, the Go templates that attune emits and conversations, and lets Go render them:
 * node --import tsx goldens/ollama/make.ts (needs `go`, Debian's golang-go).
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { emittedTemplates, TEMPLATE_CONVERSATIONS } from "../../src/export/testing/template_cases.ts";

const home = dirname(fileURLToPath(import.meta.url));
const cases = { templates: emittedTemplates(), conversations: TEMPLATE_CONVERSATIONS };
writeFileSync(join(home, "cases.json"), `${JSON.stringify(cases, null, 1)}\n`);
execFileSync("go", ["run", "render.go"], { cwd: home, stdio: "inherit" });
