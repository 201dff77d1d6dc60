import { writeFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import type { StartEvent } from "../training/events.ts";
import { contents, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();

afterEach(() => {
  vi.unstubAllEnvs();
});

test("a cache that can't be written is a warning, and the run is the same", async () => {
  const recipe = (name: string) =>
    smallRecipe(at(name), { quantization: { type: "nf4" }, training: { maxSteps: 3 } });
  vi.stubEnv("ATTUNE_CACHE", at("cache"));
  const [kept] = await runToEnd(recipe("kept"));
  expect((kept as StartEvent).warnings).toEqual([]);

  writeFileSync(at("file"), "");
  vi.stubEnv("ATTUNE_CACHE", at("file"));
  const [start] = await runToEnd(recipe("bare"));
  expect((start as StartEvent).warnings).toEqual(
    ["quantized", "tokenized"].map((kind) =>
      expect.stringContaining(`No cache: Cannot write ${at("file", kind)}: `),
    ),
  );
  expect(readMetrics(at("bare"))).toEqual(readMetrics(at("kept")));
  expect(contents(at("bare/adapter"))).toEqual(contents(at("kept/adapter")));
});

test("a user without a home is told once", async () => {
  for (const name of ["ATTUNE_CACHE", "XDG_CACHE_HOME", "HOME", "USERPROFILE"]) vi.stubEnv(name, "");
  const recipe = smallRecipe(at("run"), { quantization: { type: "nf4" }, training: { maxSteps: 1 } });
  const [start] = await runToEnd(recipe);
  expect((start as StartEvent).warnings).toEqual([
    expect.stringMatching(/^No cache: this user has no home directory\. .*ATTUNE_CACHE/),
  ]);
});
