import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import type { RunSummary } from "../report/run_record.ts";
import type { TrainEvent } from "../training/events.ts";
import { readRun, writeReport } from "./read_run.ts";
import { messageOf, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();
const summary = (): RunSummary => JSON.parse(readFileSync(at("run/summary.json"), "utf8"));
const recipe = (training = {}) =>
  smallRecipe(at("run"), {
    evaluation: { fraction: 0.1, every: 2, generate: 2, maxTokens: 4 },
    training: { maxSteps: 4, maxLength: 96, saveEvery: 2, ...training },
  });

describe("a run's directory", () => {
  test("has a page and a summary from its first evaluation on; those of the end hold all", async () => {
    const seen: string[] = [];
    const see = (event: TrainEvent) => {
      if (event.type === "evaluation" && event.step === 0) seen.push(summary().state, page());
    };
    const page = () => readFileSync(at("run/report.html"), "utf8");
    await runToEnd(recipe(), { see });
    expect(seen[0]).toBe("running");
    expect(seen[1]).toContain(">running<");
    const end = summary();
    expect(end).toMatchObject({
      state: "completed",
      step: 4,
      totalSteps: 4,
      examples: 72,
      evaluationExamples: 8,
    });
    expect(end.seconds).toBeGreaterThan(0);
    expect(end.peakMemoryBytes).toBeGreaterThan(50e6);
    expect(end.resultBytes).toBeGreaterThan(1000);
    expect(end.diskBytes).toBeGreaterThan(end.resultBytes!);
    expect(page()).toContain("done");
    expect(page()).toContain("Answers over time");
    const read = await readRun(at("run"));
    expect(read).toMatchObject({ damaged: [], summary: end });
    expect(read.history.curves.get("loss")!.steps).toEqual([1, 2, 3, 4]);
    expect(read.history.answers.map(({ step }) => step)).toEqual([0, 2, 4]);
    const before = page();
    await writeReport(at("run"));
    expect(page()).toBe(before); // from the files alone
  });

  test("adds the time of an earlier start", async () => {
    const stop = new AbortController();
    await runToEnd(recipe(), {
      signal: stop.signal,
      see: ({ type, step }) => type === "checkpoint" && step === 2 && stop.abort(),
    });
    const first = summary();
    expect(first.state).toBe("stopped");
    await runToEnd(recipe());
    expect(summary()).toMatchObject({ state: "completed", step: 4 });
    expect(summary().seconds).toBeGreaterThan(first.seconds);
  });

  test("whose page can't be written: one warning, and the run goes on", async () => {
    const see = ({ type }: TrainEvent) =>
      type === "start" && mkdirSync(at("run/report.html/x"), { recursive: true });
    const events = await runToEnd(recipe(), { see });
    const warnings = events.filter(({ type }) => type === "warning");
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ message: expect.stringContaining("report.html") });
    expect(events.at(-1)).toMatchObject({ type: "end", reason: "completed" });
  });
});

describe("reading a run", () => {
  test("leaves damaged lines out, and counts them", async () => {
    await runToEnd(recipe());
    const metrics = readFileSync(at("run/metrics.jsonl"), "utf8");
    writeFileSync(
      at("run/metrics.jsonl"),
      `${metrics}{"step":5,"lo\n[1]\nnull\n{"step":6,"loss":null}\n{"st`,
    );
    writeFileSync(at("run/summary.json"), '{"state":"dancing"}');
    writeFileSync(at("run/samples.jsonl"), '{"step":1,"samples":[{"question":3}]}\n');
    const { history, damaged, summary } = await readRun(at("run"));
    expect(history.step).toBe(6);
    expect(history.curves.get("loss")!.values.at(-1)).toBeNaN();
    expect(summary).toBeUndefined();
    expect(damaged).toEqual([
      `${at("run/metrics.jsonl")}: 4 lines can't be read, and are left out`,
      `${at("run/samples.jsonl")}: a line can't be read, and is left out`,
      `${at("run/summary.json")} can't be read, and is left out`,
    ]);
    await writeReport(at("run"));
    expect(readFileSync(at("run/report.html"), "utf8")).toContain("4 lines can&#39;t be read");
  });

  test("goes on from what was read before, and begins anew where that was written anew", async () => {
    await runToEnd(recipe());
    const path = at("run/metrics.jsonl");
    const step = (n: number, loss: number) => `{"step":${n},"loss":${loss}}\n`;
    writeFileSync(path, `${step(1, 3)}${step(2, 2)}{"step":3,"lo`);
    const first = await readRun(at("run"));
    expect(first.damaged).toHaveLength(1);
    writeFileSync(path, `${step(1, 3)}${step(2, 2)}${step(3, 1)}`);
    const second = await readRun(at("run"), first);
    expect(second.history).toBe(first.history);
    expect(second.damaged).toEqual([]);
    expect(second.history.curves.get("loss")).toEqual({ steps: [1, 2, 3], values: [3, 2, 1] });
    expect(second.history.answers.map(({ step }) => step)).toEqual([0, 2, 4]);
    writeFileSync(path, `${step(1, 3)}${step(2, 2.25)}${step(3, 1)}${step(4, 0.5)}`);
    const third = await readRun(at("run"), second);
    expect(third.history.curves.get("loss")).toEqual({ steps: [1, 2, 3, 4], values: [3, 2.25, 1, 0.5] });
  });

  test("of no run is refused", async () => {
    expect(await messageOf(readRun(at("missing")))).toBe(
      `AttuneError: ${at("missing")}: there is no such directory. Give the directory that a recipe names as its output.`,
    );
    mkdirSync(at("run"));
    writeFileSync(at("run/notes.txt"), "");
    expect(await messageOf(readRun(at("run")))).toContain(
      "it is no run's directory: it has no recipe.json of a run; got notes.txt",
    );
    rmSync(at("run/notes.txt"));
  });
});
