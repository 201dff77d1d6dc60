import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { exportKQuant, requireBlocks } from "./export_k_quant.ts";

// llama.cpp is not here: what comes before it is tested.
const at = temporaryDirectory();
const model = goldenPath("models/llama-gqa");
const failing = (options: object = {}) =>
  exportKQuant({ model, output: at("out.gguf"), type: "q4_k_m", ...options }).catch(
    (error: Error) => error.message,
  );

afterEach(() => void vi.restoreAllMocks());

test("without llama.cpp the way to get it is told, and nothing is written", async () => {
  expect(await failing()).toMatch(
    /^--type: K-quants are made by llama\.cpp, and node-llama-cpp's library for .* is not installed\. npm install node-llama-cpp@~3\.21\.1 koffi@3; or take --type q8_0/,
  );
  expect(readdirSync(at())).toEqual([]);
});

test("another release of it is refused", async () => {
  vi.spyOn(process, "cwd").mockReturnValue(at());
  expect(process.cwd()).toBe(at());
  const name = `${process.platform}-${process.arch}`;
  mkdirSync(at("node_modules", "@node-llama-cpp", name), { recursive: true });
  writeFileSync(at("node_modules", "@node-llama-cpp", name, "package.json"), '{"version":"4.0.0"}');
  if (process.platform === "linux")
    expect(await failing()).toMatch(/node-llama-cpp is 4\.0\.0\. npm install/);
});

test("experts in MXFP4, which llama.cpp makes none of", () => {
  const one = { name: "blk.0.ffn_down_exps.weight", parameters: [], turned: false, plus: 0 };
  expect(() => requireBlocks([{ ...one, shape: [4, 256, 256], type: "MXFP4" }], "q4_k_m")).toThrow(
    /--type: experts of this model are in MXFP4, and llama\.cpp makes no q4_k_m of that\. Take --type q8_0/,
  );
  expect(() => requireBlocks([{ ...one, shape: [4, 256, 256], type: "F16" }], "q4_k_m")).not.toThrow();
});

test("an output that exists", async () => {
  writeFileSync(at("out.gguf"), "mine");
  expect(await failing()).toMatch(/already exists/);
  expect(existsSync(at("out.gguf"))).toBe(true);
});
