import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { readAdapterDirectory } from "./adapter_directory.ts";
import { locateAdapter } from "./locate_adapter.ts";

const ADAPTER = goldenPath("training/llama-gqa-lora-qv/final");
const at = temporaryDirectory();
beforeEach(() => {
  mkdirSync(at("run"));
  writeFileSync(at("run/recipe.json"), "{}");
});

test("of a run's directory it is the adapter in it", async () => {
  cpSync(ADAPTER, at("run/adapter"), { recursive: true });
  expect(await locateAdapter(at("run"))).toBe(at("run/adapter"));
  expect(await locateAdapter(at("run/adapter"))).toBe(at("run/adapter"));
  expect(await readAdapterDirectory(at("run"))).toEqual(await readAdapterDirectory(ADAPTER));
});

test("a run without one says what it holds", async () => {
  await expect(readAdapterDirectory(at("run"))).rejects.toThrow(/run: .* has no adapter yet/);
  mkdirSync(at("run/model"));
  await expect(readAdapterDirectory(at("run"))).rejects.toThrow(
    /trained the model's own weights.* Use .*run\/model as the model/,
  );
});

test("what is no run's directory is left to its reader", async () => {
  mkdirSync(at("other"));
  for (const path of [at("other"), at("none")]) expect(await locateAdapter(path)).toBe(path);
});
