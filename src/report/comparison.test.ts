import { describe, expect, test } from "vitest";
import { compareRuns, shortNames } from "./comparison.ts";
import { comparisonPage } from "./comparison_page.ts";
import { runRows, scoresOfRuns } from "./comparison_rows.ts";
import { exampleRun, HOSTILE } from "./testing/example_run.ts";

const run = (path: string, changes: Partial<ReturnType<typeof exampleRun>> = {}) => ({
  ...exampleRun(),
  path,
  ...changes,
});
const withSummary = (path: string, changes: object) =>
  run(path, { summary: { ...exampleRun().summary!, ...changes } });

test.each([
  [
    ["runs/a", "runs/b"],
    ["a", "b"],
  ],
  [
    ["/x/one/run", "/x/two/run/"],
    ["one/run", "two/run"],
  ],
  [
    ["a", "a/b"],
    ["a", "a/b"],
  ],
  [["runs/a"], ["a"]],
])("%j are told apart as %j", (paths, names) => {
  expect(shortNames(paths)).toEqual(names);
});

describe("runs side by side", () => {
  test("of one kind have no notes, and their settings' differences", () => {
    const other = exampleRun();
    const recipe = { ...other.recipe, seed: 7, output: "elsewhere", tracking: ["tensorboard"] };
    const { runs, differences, notes } = compareRuns([run("runs/a"), run("runs/b", { recipe })]);
    expect(notes).toEqual([]);
    expect(differences).toEqual({ seed: [null, "7"] });
    expect(runs[0]).toMatchObject({
      ...{ name: "a", state: "completed", objective: "dpo", method: "LoRA, r 8", steps: 40, seconds: 12 },
      ...{ trainedParameters: 1000, peakMemoryBytes: 1.2e9, resultBytes: 4096 },
      scores: { exactMatch: { value: 0.1, low: 0.05, high: 0.15 } },
    });
    expect(runs[0]!.heldOutLoss!.best!.step).toBe(30);
  });

  test.each([
    [
      "other held-out rows",
      withSummary("runs/b", { heldOutHash: "other" }),
      "not comparable, their held-out rows or tokens differ: a | b",
    ],
    [
      "another objective",
      run("runs/b", { recipe: { ...exampleRun().recipe, objective: { type: "sft" } } }),
      "not comparable, their objectives measure different losses: a | b",
    ],
    ["other data", withSummary("runs/b", { dataHash: "other" }), "trained or evaluated on other data: a | b"],
    [
      "an end too soon",
      withSummary("runs/b", { state: "stopped" }),
      "not at their end: b (stopped at step 40 of 40)",
    ],
    [
      "no summary",
      run("runs/b", { summary: undefined }),
      "no summary.json, so that time, memory and size are not known: b",
    ],
    [
      "damage",
      run("runs/b", { damaged: ["metrics.jsonl: a line can't be read"] }),
      "metrics.jsonl: a line can't be read",
    ],
  ])("%s: said in a note", (_, other, note) => {
    expect(compareRuns([run("runs/a"), other]).notes).toContain(note);
  });

  test("as a table leave out what no run has", () => {
    const bare = { summary: undefined, evaluation: undefined };
    const [head, row] = runRows(compareRuns([run("a", bare), run("b", bare)]));
    expect(head).toEqual(["run", "objective", "method", "steps", "loss", "held out", "best", "time"]);
    expect(row!.slice(0, 4)).toEqual(["a", "dpo", "LoRA, r 8", "40"]);
    const [all, , second] = runRows(compareRuns([run("a", bare), run("b")]));
    expect(all).toContain("exactMatch");
    expect(second).toContain("1,000 (1.00%)");
    expect(scoresOfRuns(compareRuns([run("a", bare), run("b")]))).toEqual([
      ["score", "a", "b"],
      ["exactMatch", "–", "10.0% (5.0% … 15.0%)"],
    ]);
  });

  test("forgetting is how much the loss on other texts rose", () => {
    const at = (value: number) => ({ loss: { value, low: value, high: value } });
    const forgetting = {
      old: { rows: 1, base: at(2), tuned: at(2.5) },
      other: { rows: 1, base: at(1), tuned: at(1.1) },
    };
    const evaluation = { ...exampleRun().evaluation!, forgetting };
    const [head, row] = runRows(compareRuns([run("a", { evaluation })]));
    expect(row![head!.indexOf("forgetting")]).toBe("+0.3000");
  });

  test("as a page draw their curves over each other, and make markup of nothing", () => {
    const page = comparisonPage([
      run("runs/a"),
      { ...exampleRun(40, HOSTILE), path: `runs/${HOSTILE}` },
      exampleRun(0),
    ]);
    expect(page.match(/data-name="a"/g)!.length).toBeGreaterThan(3);
    expect(page).not.toContain("<img");
    expect(page.match(/<script/g)).toHaveLength(1);
  });
});
