import { defineConfig } from "tsdown";

/** What runs in Node. */
export const program = {
  entry: {
    index: "src/index.ts",
    server: "src/server.ts",
    cli: "src/cli/main.ts",
    // The thread that tokenizes: found beside every chunk, as sessions' is.
    tokenize_worker: "src/data/tokenize/tokenize_worker.ts",
    // The thread that tokenizes long prompts, likewise.
    encode_worker: "src/generation/encode_worker.ts",
    // The threads that update all weights, likewise.
    update_worker: "src/run/update_worker.ts",
    // The process that `attune estimate` measures in.
    measure_child: "src/run/estimate/measure_child.ts",
  },
  platform: "node",
  target: "node20.19",
} as const;

export default defineConfig([
  { ...program, dts: true },
  // By itself, so that it shares no chunk with what needs Node, and file by file: bundlers leave out those not used.
  {
    entry: { browser: "src/browser.ts" },
    unbundle: true,
    outDir: "dist/browser",
    platform: "browser",
    target: "es2023",
    dts: true,
    fixedExtension: true, // .mjs, as the others
    clean: false,
  },
]);
