/**
 * Puts ONNX Runtime's binding for Node into dist/, as it is. As a dependency it would run an install script that fetches
 * GPU libraries, and fails where that host can't be reached; the binding itself needs none of them.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const source = "node_modules/onnxruntime-node";
const target = "dist/onnxruntime";

rmSync(path(target), { recursive: true, force: true });
mkdirSync(path(target), { recursive: true });
for (const folder of ["dist", "bin"])
  cpSync(path(`${source}/${folder}`), path(`${target}/${folder}`), {
    recursive: true,
    filter: (name) => !/\.(map|d\.ts)$/.test(name),
  });
const { name, version, license, author, repository, main } = JSON.parse(
  readFileSync(path(`${source}/package.json`), "utf8"),
);
const about = { name, version, license, author, repository, main, private: true };
writeFileSync(path(`${target}/package.json`), `${JSON.stringify(about, null, 2)}\n`);
writeFileSync(path(`${target}/LICENSE`), LICENSE());

const worker = readFileSync(path("src/runtime/session_worker.mjs"), "utf8");
const bundled = worker.replace('from "onnxruntime-node"', 'from "./onnxruntime/dist/index.js"');
if (bundled === worker) throw new Error("session_worker.mjs does not import onnxruntime-node any more");
writeFileSync(path("dist/session_worker.mjs"), bundled);

function LICENSE(): string {
  const own = readFileSync(path("LICENSE"), "utf8");
  return own.replace(/^Copyright .*$/m, "Copyright (c) Microsoft Corporation");
}
