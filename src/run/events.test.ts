import { existsSync, readdirSync, readFileSync } from "node:fs";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { outputOf, startChild } from "../files/testing/child.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import type { OpenSession } from "../runtime/session.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { StartEvent, StepEvent, TrainEvent } from "../training/events.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";
import { train } from "./train.ts";

const at = temporaryDirectory();
const opened: { released: boolean }[] = [];
beforeEach(() => {
  opened.length = 0;
});

vi.mock("../runtime/node.ts", async (original) => {
  const { openSession } = await original<{ openSession: OpenSession }>();
  return {
    async openSession(...args: Parameters<OpenSession>) {
      const session = await openSession(...args);
      const record = { released: false };
      opened.push(record);
      return {
        ...session,
        async release() {
          await session.release();
          record.released = true;
        },
      };
    },
  };
});

const evaluated = {
  evaluation: { fraction: 0.1, every: 2 },
  training: { maxSteps: 5, maxLength: 96, saveEvery: 4 },
};
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));

describe("what a run says", () => {
  test("comes in order, and fits what it writes", async () => {
    const events = await runToEnd(smallRecipe(at("run"), evaluated));
    expect(events.map(({ type, step }) => `${type} ${step}`)).toEqual([
      ...[
        "start 0",
        "evaluation 0",
        "step 1",
        "step 2",
        "evaluation 2",
        "step 3",
        "step 4",
        "evaluation 4",
        "checkpoint 4",
      ],
      ...["step 5", "evaluation 5", "checkpoint 5", "end 5"],
    ]);
    const start = events[0] as StartEvent;
    expect(start).toMatchObject({
      totalSteps: 5,
      stepsPerEpoch: 18, // 72 examples, 4 a step
      examples: 72,
      evaluationExamples: 8,
      trainedParameters: json(goldenPath("training/llama-gqa-lora-qv/case.json")).trainedParameters,
      parameters: json(goldenPath("training/llama-gqa-full/case.json")).trainedParameters,
      data: { read: 80, kept: 80 },
      learningRate: { value: 2e-3, origin: "the recipe's" },
      warnings: [],
    });
    const lines = readFileSync(at("run/metrics.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const told = events.filter(({ type }) => type === "step" || type === "evaluation");
    expect(lines.length).toBe(told.length);
    lines.forEach((line, i) => {
      expect(told[i]).toMatchObject(line);
    });
    const steps = events.filter((event): event is StepEvent => event.type === "step");
    expect(steps.at(-1)!.secondsLeft).toBe(0);
    expect(steps[0]!.secondsLeft).toBeGreaterThan(0);
    expect(steps[0]!.tokensPerSecond).toBeCloseTo(steps[0]!.tokens / steps[0]!.seconds, 6);
    for (const { path } of events.filter((e): e is Extract<TrainEvent, { path: string }> => "path" in e))
      expect(existsSync(path), path).toBe(true);
    expect(readdirSync(at("run")).sort()).toEqual([
      "adapter",
      "best",
      "checkpoints",
      "metrics.jsonl",
      "recipe.json",
      "report.html",
      "run.json",
      "summary.json",
    ]);
  });

  test("counts what was cut and what was dropped", async () => {
    const { rows, cut, dropped } = json(goldenPath("data/tokens-chat-48.json"));
    const [start] = await runToEnd(smallRecipe(at("run"), { training: { maxSteps: 1, maxLength: 48 } }));
    const { data, examples } = start as StartEvent;
    expect(data).toMatchObject({ read: rows, truncated: cut.length, withoutLabel: dropped.length });
    expect(data.dropped.flatMap(({ origins }) => origins.map(({ row }) => row - 1))).toEqual(dropped);
    expect(examples).toBe(rows - dropped.length);
  });
});

describe("whoever leaves a run, its sessions are freed", () => {
  const leave: Record<string, (event: TrainEvent) => boolean> = {
    "at the start": ({ type }) => type === "start",
    "after a step": ({ type }) => type === "step",
    "after an evaluation": ({ type }) => type === "evaluation",
    "at the end": () => false,
  };
  test.each(Object.entries(leave))("%s", async (_, stop) => {
    for await (const event of train(smallRecipe(at("run"), evaluated), { threads: 1 }))
      if (stop(event)) break;
    expect(opened.length).toBeGreaterThan(0);
    expect(opened.filter(({ released }) => !released)).toEqual([]);
  });

  test("by an error", async () => {
    const diverging = smallRecipe(at("run"), { training: { learningRate: 1e38, warmupRatio: 0 } });
    expect(await messageOf(runToEnd(diverging))).toContain("step 2: the loss is");
    expect(opened.map(({ released }) => released)).toEqual([true, true]);
  });

  test("and its process ends", async () => {
    const child = startChild(
      at(),
      `import { train } from "attune";
      const recipe = ${JSON.stringify(smallRecipe(at("run")))};
      for await (const { type } of train(recipe, { threads: 1 })) if (type === "step") break;
      console.log("left");`,
    );
    const ended = new Promise((resolve) => child.once("exit", resolve));
    expect(await outputOf(child)).toBe("left\n");
    expect(await ended).toBe(0);
  });
});

test("told to stop before it begins, a run takes no step, and can go on", async () => {
  const recipe = smallRecipe(at("run"), { training: { maxSteps: 2 } });
  const events = await runToEnd(recipe, { signal: AbortSignal.abort() });
  expect(events.map(({ type, step }) => `${type} ${step}`)).toEqual(["start 0", "end 0"]);
  expect(events[1]).toMatchObject({ reason: "stopped" });
  expect(existsSync(at("run/checkpoints"))).toBe(false);
  expect((await runToEnd(recipe)).at(-1)).toMatchObject({ reason: "completed" });
  await runToEnd({ ...recipe, output: at("unbroken") });
  expect(readMetrics(at("run"))).toEqual(readMetrics(at("unbroken")));
  expect(contents(at("run/adapter"))).toEqual(contents(at("unbroken/adapter")));
});
