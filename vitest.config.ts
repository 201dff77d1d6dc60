import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

// Tests leave nothing in the caches of whoever runs them, and ask no hub.
const cache = mkdtempSync(join(tmpdir(), "attune-tests-"));
process.on("exit", () => rmSync(cache, { recursive: true, force: true }));

/** What a test does to its process, or to its modules, that others in it would notice. */
const TRACES =
  /\bvi\.(mock|stub|spy|hoisted|useFake)|\bprocess\.(env|on|once|chdir|exitCode|kill|stdout|stderr|emit)\b/;

/** Tests that leave no trace: a worker loads their modules once, not once a file, which takes a tenth of the suite. */
const clean = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts"))
  .map((path) => join("src", path))
  .filter((path) => !TRACES.test(readFileSync(path, "utf8")));

/** What runs in a browser or in a bundler: a command of its own, `npm run test-pages`. */
const pages = [
  "playground/**/*.test.ts",
  "studio/**/*.test.ts",
  "test/bundlers.test.ts",
  "src/browser.test.ts",
  "src/runtime/chromium.test.ts",
];

/** What MPI starts: likewise, `npm run test-ranks`. */
const ranks = ["src/mpi/faults.test.ts", "src/mpi/mpi.test.ts", "src/cli/launched_program.test.ts"];

const others = [...pages, ...ranks];

export default defineConfig({
  test: {
    globalSetup: ["test/setup/build_programs.ts"],
    setupFiles: ["test/setup/one_core.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    env: { ATTUNE_CACHE: cache, HF_HOME: join(cache, "huggingface"), HF_HUB_OFFLINE: "1" },
    projects: [
      { extends: true, test: { name: "clean", include: clean, exclude: others, isolate: false } },
      { extends: true, test: { name: "pages", include: pages } },
      { extends: true, test: { name: "ranks", include: ranks } },
      {
        extends: true,
        test: {
          name: "apart",
          include: ["src/**/*.test.ts", "test/**/*.test.ts"],
          exclude: [...clean, ...others],
        },
      },
    ],
  },
});
