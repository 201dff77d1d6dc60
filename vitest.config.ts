import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

// Tests leave nothing in the caches of whoever runs them, and ask no hub.
const cache = mkdtempSync(join(tmpdir(), "attune-tests-"));
process.on("exit", () => rmSync(cache, { recursive: true, force: true }));

export default defineConfig({
  test: {
    setupFiles: ["test/setup/one_core.ts"],
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "playground/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    env: { ATTUNE_CACHE: cache, HF_HOME: join(cache, "huggingface"), HF_HUB_OFFLINE: "1" },
  },
});
