import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { outputOf, startChild } from "../files/testing/child.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { EndEvent, TrainEvent } from "../training/events.ts";
import type { RecipeInput } from "../training/recipe.ts";
import { contents, messageOf, readMetrics, remains, runToEnd, smallRecipe } from "./testing/runs.ts";
import { train } from "./train.ts";

const at = temporaryDirectory();
const KILLS = process.platform !== "win32";

/** All that a resume could lose is on: dropout, shuffling, warm-up, a best loss, patience that runs out. */
const settings = {
  shuffle: true,
  seed: 5,
  evaluation: { fraction: 0.1, patience: 4, every: 3 }, // so it goes on for 15 steps at least
  training: {
    maxSteps: 24,
    learningRate: 0.3,
    schedule: "constant",
    warmupRatio: 0.1,
    weightDecay: 0.1,
    saveEvery: 4,
  },
} satisfies Partial<RecipeInput>;

const METHODS: Record<string, Partial<RecipeInput>> = {
  LoRA: { ...settings, adapter: { type: "lora", r: 4, dropout: 0.2, targetModules: ["q_proj", "v_proj"] } },
  "all weights": { ...settings, adapter: undefined },
};

/** Runs until `stop` says so, as Ctrl-C does. */
async function interrupt(recipe: RecipeInput, stop: (event: TrainEvent) => boolean): Promise<EndEvent> {
  const signal = new AbortController();
  const events = await runToEnd(recipe, {
    signal: signal.signal,
    see: (event) => stop(event) && signal.abort(),
  });
  return events.at(-1) as EndEvent;
}

/** Runs until `stop` says so, without a word to the run: no checkpoint is written. */
async function abandon(recipe: RecipeInput, stop: (event: TrainEvent) => boolean): Promise<void> {
  for await (const event of train(recipe, { threads: 1 })) if (stop(event)) break;
}

const isAt = (type: TrainEvent["type"], step: number) => (event: TrainEvent) =>
  event.type === type && event.step === step;

/** Runs in a process of its own, which kills itself after the event, or is killed `delay` ms after its first step. */
async function kill(recipe: RecipeInput, when: { after: [TrainEvent["type"], number] } | { delay: number }) {
  const after = "after" in when ? when.after.join(" ") : "never";
  const child = startChild(
    at(),
    `import { train } from "attune";
    for await (const { type, step } of train(${JSON.stringify(recipe)}, { threads: 1 })) {
      console.log(type, step);
      if (\`\${type} \${step}\` === ${JSON.stringify(after)}) process.kill(process.pid, "SIGKILL");
    }`,
  );
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once("exit", (_, signal) => resolve(signal)),
  );
  if ("delay" in when)
    child.stdout!.once("data", async () => {
      await sleep(when.delay);
      child.kill("SIGKILL");
    });
  const output = await outputOf(child);
  if ("after" in when) expect(await ended, output).toBe("SIGKILL");
}

describe.each(Object.keys(METHODS))("%s: a run goes on bit for bit", (name) => {
  const recipe = (output: string): RecipeInput => smallRecipe(output, METHODS[name]);
  const unbroken = mkdtempSync(join(tmpdir(), "attune-unbroken-"));
  beforeAll(() => runToEnd(recipe(unbroken)));
  afterAll(() => rmSync(unbroken, { recursive: true }));

  test("interrupted four times", async () => {
    for (const [stop, step] of [
      [isAt("step", 6), 6],
      [isAt("start", 6), 6],
      [isAt("checkpoint", 8), 8],
      [isAt("evaluation", 9), 9],
    ] as const)
      expect(await interrupt(recipe(at("run")), stop)).toMatchObject({ reason: "stopped", step });
    const resumed = await runToEnd(recipe(at("run")));
    expect(resumed[0]).toMatchObject({ type: "start", step: 9 });
    expect(remains(at("run"))).toEqual(remains(unbroken));
  });

  test.runIf(KILLS)("killed three times, once between metrics and checkpoint", async () => {
    const moments = [{ after: ["step", 8] }, ...[200, 300].map((most) => ({ delay: Math.random() * most }))];
    for (const moment of moments as Parameters<typeof kill>[1][]) await kill(recipe(at("run")), moment);
    await runToEnd(recipe(at("run")));
    expect(remains(at("run")), JSON.stringify(moments)).toEqual(remains(unbroken));
  });
});

describe("a run that is over", () => {
  test.each([
    ["completed", {}, "epoch", 6],
    ["early-stopping", { learningRate: 1e-30 }, 1, 3], // nothing gets better
  ] as const)("%s: says so again, and changes nothing", async (reason, training, every, step) => {
    const recipe = smallRecipe(at("run"), { evaluation: { fraction: 0.1, patience: 2, every }, training });
    const first = await runToEnd(recipe);
    expect(first.at(-1)).toMatchObject({ type: "end", reason, step });
    const before = contents(at("run"));
    const again = await runToEnd(recipe);
    expect(again.map(({ type }) => type)).toEqual(["start", "end"]);
    expect(again[0]!.step).toBe(step);
    expect(again[1]).toEqual(first.at(-1));
    expect(contents(at("run"))).toEqual(before);
  });
});

describe("nothing is overwritten", () => {
  const recipe = (changes: Partial<RecipeInput> = {}) =>
    smallRecipe(at("run"), {
      data: [{ path: at("data.json") }],
      training: { maxSteps: 9, saveEvery: 4 },
      ...changes,
    });

  /** Six steps, the last checkpoint at the fourth. */
  async function sixSteps(): Promise<Record<string, string>> {
    copyFileSync(goldenPath("data/alpaca.json"), at("data.json"));
    await abandon(recipe(), isAt("step", 6));
    expect(readMetrics(at("run")).length).toBe(6);
    expect(readdirSync(at("run/checkpoints"))).toEqual(["step-4"]);
    return contents(at("run"));
  }

  test("by a run on changed data", async () => {
    const before = await sixSteps();
    writeFileSync(at("data.json"), JSON.stringify([{ instruction: "Say yes.", output: "Yes." }]));
    const message = await messageOf(runToEnd(recipe()));
    expect(message).toMatch(
      /^AttuneError: .*run: its run can't go on, as these have changed since step 4: the data\. .*choose another output/,
    );
    expect(contents(at("run"))).toEqual(before);
  });

  test("by another recipe's run, whose differences are named", async () => {
    const before = await sixSteps();
    const other = recipe({
      seed: 7,
      training: { maxSteps: 9, batchSize: 8, saveEvery: 4 },
      evaluation: { fraction: 0.1 },
    });
    const message = await messageOf(runToEnd(other));
    expect(message).toMatch(/^AttuneError: .*run: the directory holds the run of another recipe\..*\n/);
    const named = message.split("\n").slice(1);
    expect(named.sort()).toEqual([
      "  evaluation.fraction: unset there, 0.1 here",
      "  seed: 42 there, 7 here",
      "  training.batchSize: 4 there, 8 here",
    ]);
    expect(contents(at("run"))).toEqual(before);
  });

  test("in a directory that holds something else", async () => {
    copyFileSync(goldenPath("data/alpaca.json"), at("data.json"));
    mkdirSync(at("run"));
    writeFileSync(at("run/thesis.txt"), "years of work");
    const message = await messageOf(runToEnd(recipe()));
    expect(message).toMatch(
      /^AttuneError: .*run: the directory is not empty and holds no run \(it has thesis\.txt\)/,
    );
    expect(readdirSync(at("run"))).toEqual(["thesis.txt"]);
  });

  test("but what a killed start left is no obstacle", async () => {
    copyFileSync(goldenPath("data/alpaca.json"), at("data.json"));
    mkdirSync(at("run"));
    writeFileSync(at("run/run.json"), '{"startedAt":"2026-01-01T00:00:00.000Z"}');
    writeFileSync(at("run/.recipe.json.4194999-0123abcd-00000000.attune-new"), "{");
    await abandon(recipe(), isAt("start", 0));
    expect(readdirSync(at("run")).sort()).toEqual(["recipe.json", "run.json"]);
  });
});
