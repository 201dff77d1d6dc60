import { defineConfig } from "tsdown";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    cli: "src/cli/main.ts",
    // The thread that tokenizes: found beside every chunk, as sessions' is.
    tokenize_worker: "src/data/tokenize/tokenize_worker.ts",
  },
  platform: "node",
  target: "node20.19",
  dts: true,
});
