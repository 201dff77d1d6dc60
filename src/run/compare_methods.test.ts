import { existsSync, readFileSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { parseRecipe } from "../training/recipe.ts";
import { compareMethods, type MethodName, methodRecipe } from "./compare_methods.ts";
import { smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();
const data = { path: goldenPath("data/alpaca.json") };
const recipe = (changes: Parameters<typeof smallRecipe>[1] = {}) =>
  smallRecipe(at("unused"), {
    ...{ data: [data, data], evaluation: { path: data.path, every: 100, maxTokens: 2 } },
    ...changes,
  });

async function run(methods: MethodName[], input = recipe({ training: { maxSteps: 2, maxLength: 96 } })) {
  const events: string[] = [];
  const work = compareMethods(input, { methods, output: at("out"), threads: 1, generate: 2 });
  for (let next = await work.next(); ; next = await work.next()) {
    if (next.done) return { events, runs: next.value! };
    const event = next.value;
    events.push(event.type === "method" ? `${event.method} ${event.work}` : event.type);
  }
}

describe("methods on one budget", () => {
  test("are trained and evaluated, once; the page shows all", async () => {
    const methods: MethodName[] = ["single-task", "lora", "full"];
    const { runs, events } = await run(methods);
    expect(runs.map(({ path }) => path)).toEqual(methods.map((method) => at(`out/${method}`)));
    expect(events.filter((text) => text.includes(" "))).toEqual(
      ["lora", "full", "single-task"].flatMap((method) => [`${method} train`, `${method} evaluate`]),
    );
    expect(new Set(runs.map(({ summary }) => summary!.heldOutHash)).size).toBe(1);
    expect(runs.map(({ summary }) => summary!.totalSteps)).toEqual([2, 2, 2]);
    expect(runs.map(({ evaluation }) => evaluation!.rows)).toEqual([80, 80, 80]);
    expect(readFileSync(at("out/report.html"), "utf8")).toContain("Methods on one budget");
    const written = statSync(at("out/lora/summary.json")).mtimeMs;
    expect((await run(methods)).events).toEqual(["lora nothing", "full nothing", "single-task nothing"]);
    expect(statSync(at("out/lora/summary.json")).mtimeMs).toBe(written);
  });

  test.each([
    ["lora", { adapter: { type: "lora" }, training: { learningRate: 2e-3 } }],
    ["qlora", { adapter: { type: "lora" }, quantization: { type: "nf4" }, training: { learningRate: 2e-3 } }],
    ["full", { training: { learningRate: 2e-4 } }],
    ["single-task", { adapter: { type: "lora" }, data: [data] }],
  ] as const)("%s takes what it needs of the recipe", (method, wanted) => {
    const made = methodRecipe(parseRecipe(recipe()), method, "out", 9);
    expect(made).toMatchObject({ ...wanted, output: `out/${method}` });
    expect(made.training.maxSteps).toBe(9);
    if (method === "full") expect(made.adapter).toBeUndefined();
  });

  test.each([
    ["single-task", { data: [data] }, "single-task: recipe: data: the first entry is the single task"],
    [
      "single-task",
      { evaluation: { fraction: 0.1 } },
      "single-task: recipe: evaluation: a share of other data",
    ],
    ["full", { adapter: { path: "somewhere" } }, "full: recipe: adapter.path: it goes on from an adapter"],
  ] as const)("%s with %j is refused before anything is trained", async (method, changes, message) => {
    await expect(run([method, "lora"], recipe(changes as object))).rejects.toThrow(message);
    expect(existsSync(at("out"))).toBe(false);
  });
});
