import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** With these a page is isolated, and may share memory between threads: without them WASM computes on one. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  root: path("."),
  base: "./", // any folder of any host
  publicDir: path("../demo"), // the demo's base model, at base/
  resolve: { alias: { "attune/browser": path("../src/browser.ts") } },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  build: {
    outDir: path("../dist/playground"),
    emptyOutDir: true,
    target: "es2023",
    chunkSizeWarningLimit: 2000,
  },
  server: { host: "localhost", headers },
  preview: { host: "localhost", headers },
});
