import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

// Tests leave nothing in the caches of whoever runs them, and ask no hub.
const cache = mkdtempSync(join(tmpdir(), "attune-tests-"));
process.on("exit", () => rmSync(cache, { recursive: true, force: true }));

/** Rooms whose tests leave nothing behind in their process: a worker loads their modules once, not once a file. */
const CLEAN = [
  ...["text", "math", "random", "tokenizers", "templates", "evaluation", "data", "hub"],
  ...["models", "graph", "quantization", "adapters", "pretrained"],
].map((room) => `src/${room}/**/*.test.ts`);

export default defineConfig({
  test: {
    setupFiles: ["test/setup/one_core.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    env: { ATTUNE_CACHE: cache, HF_HOME: join(cache, "huggingface"), HF_HUB_OFFLINE: "1" },
    projects: [
      { extends: true, test: { name: "clean", include: CLEAN, isolate: false } },
      {
        extends: true,
        test: {
          name: "apart",
          include: ["src/**/*.test.ts", "test/**/*.test.ts", "playground/**/*.test.ts"],
          exclude: CLEAN,
        },
      },
    ],
  },
});
