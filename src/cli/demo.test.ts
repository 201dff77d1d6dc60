import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { DEMO_TASKS } from "../demo/tasks/index.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { type DemoOptions, runDemo } from "./demo.ts";
import { readRecipe } from "./recipe_file.ts";
import type { Screen } from "./screen.ts";

const at = temporaryDirectory();

function options(base: string): DemoOptions & { printed(): string } {
  let text = "";
  const screen: Screen = {
    live: false,
    print(line) {
      text += `${line}\n`;
    },
    show() {},
    clear() {},
  };
  return {
    base,
    output: at(),
    perTask: { train: 1, heldOut: 1 },
    adapter: { type: "lora" },
    training: { maxSteps: 12, batchSize: 8, maxLength: 96 },
    seed: 3,
    screen,
    printed: () => text,
  };
}

test("asks, tunes, asks again and shows the difference", async () => {
  const demo = options(goldenPath("models/llama-gqa"));
  const { before, after, end } = (await runDemo(demo))!;
  for (const score of [before, after]) expect(score).toBeLessThan(0.2); // random weights know nothing
  expect(end).toMatchObject({ reason: "completed", step: 12, path: at("run", "adapter") });
  expect(readdirSync(end.path)).toEqual(["adapter_config.json", "adapter_model.safetensors"]);

  const printed = demo.printed();
  for (const { name } of DEMO_TASKS) expect(printed).toMatch(new RegExp(`^${name} +\\d+% +\\d+%$`, "m"));
  expect(printed).toMatch(/^ {2}[✓✗] .+[✓✗] /m);
  expect(printed).toMatch(/┤[\u2800-\u28ff]+\n/);
  expect(printed).toMatch(/next .* chat \S+run$/m);

  const rows = JSON.parse(readFileSync(at("instructions.json"), "utf8"));
  expect(rows).toHaveLength(DEMO_TASKS.length);
  expect((await readRecipe(at("recipe.json"))).training.maxSteps).toBe(12);

  const samples = readFileSync(at("run", "samples.jsonl"), "utf8").trim().split("\n");
  expect(samples).toHaveLength(2); // before the first step and at the end; every 100 steps in between
  expect(printed.match(/^ {2}.*opposite.*\n {4}.*right: /gm)).toHaveLength(2);
});

test("ends without a second exam when it is stopped", async () => {
  const demo = options(goldenPath("models/llama-gqa"));
  const stop = new AbortController();
  const { print } = demo.screen;
  const screen = {
    ...demo.screen,
    print(text: string) {
      if (/^step +1\/12/.test(text)) stop.abort();
      print(text);
    },
  };
  expect(await runDemo({ ...demo, screen, signal: stop.signal })).toBe(undefined);
  expect(demo.printed()).not.toContain("the same questions again");
  expect(readdirSync(at("run", "checkpoints"))).toHaveLength(1);
});

test("a missing base model is told before anything is written", async () => {
  await expect(runDemo(options(at("none")))).rejects.toThrow(
    expect.objectContaining({
      name: "AttuneError",
      message: expect.stringContaining("base model is missing"),
    }),
  );
  expect(readdirSync(at())).toEqual([]);
});
