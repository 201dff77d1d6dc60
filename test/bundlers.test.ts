/** attune/browser as others bundle it: an application of one file, with each bundler as it is without configuration. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { build as buildLibrary } from "tsdown";
import { build as buildWithVite } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import webpack from "webpack";
import config from "../tsdown.config.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const about = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const application = mkdtempSync(join(tmpdir(), "attune-bundlers-"));
const at = (path: string) => join(application, path);

const ALL = `import * as attune from "attune/browser"; globalThis.attune = { ...attune };`;
const TOKENIZER = `import { createTokenizer } from "attune/browser"; globalThis.create = createTokenizer;`;

/** An application that has installed the package, built as `npm run build` does, and what it depends on. */
beforeAll(async () => {
  const library = at("node_modules/attune");
  const [, browser] = config as { outDir?: string }[];
  await buildLibrary({
    ...browser,
    config: false,
    cwd: root,
    dts: false,
    outDir: join(library, "dist/browser"),
    logLevel: "error",
  });
  const { name, version, type, exports, sideEffects } = about;
  writeFileSync(join(library, "package.json"), JSON.stringify({ name, version, type, exports, sideEffects }));
  for (const dependency of [...Object.keys(about.dependencies), ...Object.keys(about.peerDependencies)])
    link(dependency);
  writeFileSync(at("package.json"), JSON.stringify({ name: "application", type: "module", private: true }));
  writeFileSync(at("main.js"), ALL);
  writeFileSync(at("index.html"), `<script type="module" src="/main.js"></script>`);
}, 120_000);

afterAll(() => rmSync(application, { recursive: true, force: true }));

function link(dependency: string): void {
  const source = join(root, "node_modules", dependency);
  if (!statSync(source, { throwIfNoEntry: false })) return; // a peer that isn't installed
  const target = at(`node_modules/${dependency}`);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(source, target);
}

/** What a bundler wrote, by its name. */
const filesIn = (folder: string): string[] =>
  readdirSync(at(folder), { recursive: true, encoding: "utf8" }).filter((path) =>
    statSync(at(join(folder, path))).isFile(),
  );

test("Vite", { timeout: 120_000 }, async () => {
  await buildWithVite({
    root: application,
    configFile: false,
    logLevel: "error",
    build: { outDir: at("vite") },
  });
  const files = filesIn("vite");
  expect(files.filter((path) => path.endsWith(".wasm"))).toHaveLength(2); // the runtime, for WASM and for WebGPU
  expect(files.some((path) => path.endsWith(".js"))).toBe(true);
});

test("webpack", { timeout: 120_000 }, async () => {
  const stats = await new Promise<webpack.Stats>((resolve, reject) =>
    webpack(
      { mode: "development", context: application, entry: "./main.js", output: { path: at("webpack") } },
      (error, stats) => (error ? reject(error) : resolve(stats!)),
    ),
  );
  expect(stats.toJson({ all: false, errors: true }).errors).toEqual([]);
  expect(filesIn("webpack").filter((path) => path.endsWith(".wasm"))).toHaveLength(2);
});

test("esbuild", { timeout: 60_000 }, async () => {
  const { errors } = await esbuild.build({
    ...{
      absWorkingDir: application,
      entryPoints: ["main.js"],
      bundle: true,
      format: "esm",
      outdir: at("esbuild"),
    },
    logLevel: "silent",
  });
  expect(errors).toEqual([]);
  expect(filesIn("esbuild")).toContain("main.js");
});

test("esbuild with splitting: the page loads the .wasm files that the docs say to copy, which the runtime has", async () => {
  const { outputFiles } = await esbuild.build({
    ...{
      absWorkingDir: application,
      entryPoints: ["main.js"],
      bundle: true,
      format: "esm",
      outdir: at("none"),
    },
    ...{ splitting: true, write: false, logLevel: "silent" },
  });
  const names = (text: string) => [...new Set(text.match(/\bort-[\w.-]+\.wasm/g))].sort();
  const loaded = names(outputFiles.map(({ text }) => text).join("\n"));
  expect(loaded).toHaveLength(2); // for WASM and for WebGPU
  for (const docs of ["docs/browser.md", "docs/browser.zh-CN.md"])
    expect(names(readFileSync(join(root, docs), "utf8")), docs).toEqual(loaded);
  const runtime = readdirSync(join(root, "node_modules/onnxruntime-web/dist"));
  expect(runtime).toEqual(expect.arrayContaining(loaded));
});

/** Minified and gzipped, without the runtime. */
async function gzippedSize(main: string): Promise<number> {
  const { outputFiles } = await esbuild.build({
    ...{ stdin: { contents: main, resolveDir: application }, bundle: true, format: "esm", minify: true },
    ...{ external: ["onnxruntime-web"], write: false },
  });
  return gzipSync(outputFiles[0]!.contents).length;
}

test("the JavaScript is small, and what isn't used is left out", async () => {
  const [all, tokenizer] = [await gzippedSize(ALL), await gzippedSize(TOKENIZER)];
  expect(all).toBeLessThan(1.5e6);
  expect(tokenizer).toBeLessThan(all / 4);
});
