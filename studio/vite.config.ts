import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const api = "http://127.0.0.1:8080"; // attune serve, beside `vite --config studio/vite.config.ts`

export default defineConfig({
  root: path("."),
  publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: path("../dist/studio"),
    emptyOutDir: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.md" },
    assetsInlineLimit: 0, // the page's policy takes files alone
  },
  server: {
    host: "localhost",
    proxy: Object.fromEntries(
      ["/v1", "/attune"].map((name) => [name, { target: api, changeOrigin: true, headers: { origin: api } }]),
    ),
  },
});
