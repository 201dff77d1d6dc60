import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { runToEnd, smallRecipe } from "../../run/testing/runs.ts";
import { openProfile } from "./profile.ts";

const at = temporaryDirectory();

test("a run's page and traces: phases, ops and layers with their times", async () => {
  const profile = openProfile(at("traces/p"), 1);
  const recipe = smallRecipe(at("run"), { training: { maxSteps: 3 } });
  await runToEnd(recipe, profile.options);
  const summary = await profile.finish(at("run/profile.html"), "run");
  const traces = readdirSync(at("traces"));
  expect(traces.some((name) => /^p_0_.*\.json$/.test(name))).toBe(true);
  for (const name of traces) expect(summary).toContain(name);
  expect(summary).toMatch(/MatMul × \d+/);
  const page = readFileSync(at("run/profile.html"), "utf8");
  expect(page).toContain("3 steps");
  for (const row of ["forward", "backward", "optimizer", "0", "1", "embedding", "output layer and loss"])
    expect(page).toMatch(new RegExp(`<th scope="row">${row}</th><td>(?!0%)`));
  expect(page).not.toMatch(/NaN|Infinity/);
});

test("a second run with the same prefix takes the first one's place", async () => {
  for (const name of ["one", "two"]) {
    const profile = openProfile(at("traces/p"), 1);
    await runToEnd(smallRecipe(at(name), { training: { maxSteps: 1 } }), profile.options);
  }
  const firsts = readdirSync(at("traces")).filter((name) => name.startsWith("p_0_"));
  expect(firsts).toHaveLength(1);
});
