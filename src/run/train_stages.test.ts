import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { StagedRecipeInput, StageInput } from "../training/staged_recipe.ts";
import { readRunResult } from "./run_result.ts";
import { contents, messageOf, runToEnd, smallRecipe } from "./testing/runs.ts";
import type { TrainOptions } from "./train.ts";
import { type StagedEvent, trainStages } from "./train_stages.ts";

const at = temporaryDirectory();

const TEXT = { path: goldenPath("data/corpus.txt") };
const ROWS = { path: goldenPath("data/alpaca.json") };
const pretrain: StageInput = { stage: "pretrain", adapter: null, data: [TEXT] };

function staged(
  output: string,
  stages: StageInput[],
  shared: Partial<StagedRecipeInput> = {},
): StagedRecipeInput {
  const { output: path, ...recipe } = smallRecipe(at(output), { training: { maxSteps: 3 } });
  return { ...recipe, ...shared, output: path, stages };
}

async function runAll(
  recipe: StagedRecipeInput,
  options: TrainOptions = {},
  see?: (event: StagedEvent) => void,
) {
  const events: StagedEvent[] = [];
  for await (const event of trainStages(recipe, { threads: 1, ...options })) {
    events.push(event);
    see?.(event);
  }
  return events;
}

const namesOf = (events: StagedEvent[]) =>
  events.flatMap((event) => (event.type === "stage" ? [`${event.stage}/${event.stages} ${event.name}`] : []));
const recipeOf = (path: string) => JSON.parse(readFileSync(at(path, "recipe.json"), "utf8"));

/** Digests of the weights; configs name the base by its path. */
const weightsIn = (path: string) =>
  Object.entries(contents(path)).filter(([name]) => name.endsWith(".safetensors"));

describe("stages", () => {
  test("begin with the last one's result, as if each were run by hand", async () => {
    const events = await runAll(
      staged("run", [pretrain, { training: { learningRate: 1e-3 } }, { data: [ROWS, TEXT] }]),
    );
    expect(namesOf(events)).toEqual(["1/3 pretrain", "2/3 instruct", "3/3 instruct"]);

    const { adapter, ...all } = smallRecipe(at("1"), { training: { maxSteps: 3 } });
    await runToEnd({ ...all, stage: "pretrain", data: [TEXT] });
    const training = { ...all.training, learningRate: 1e-3 };
    await runToEnd({ ...all, adapter, model: at("1/model"), training, output: at("2") });
    const data = [ROWS, TEXT];
    await runToEnd({
      ...all,
      data,
      adapter: { path: at("2/adapter") },
      model: at("1/model"),
      output: at("3"),
    });
    expect(readFileSync(at("run/report.html"), "utf8")).toMatch(
      /<h1>3 stages<[\s\S]*1-pretrain[\s\S]*3-instruct/,
    );
    expect(contents(at("run/stages/1-pretrain/model"))).toEqual(contents(at("1/model")));
    expect(weightsIn(at("run/stages/2-instruct/adapter"))).toEqual(weightsIn(at("2/adapter")));
    expect(weightsIn(at("run/stages/3-instruct/adapter"))).toEqual(weightsIn(at("3/adapter")));
  });

  test("an adapter of its own begins on the earlier one merged; text, then rows, then preferences", async () => {
    const lora = {
      type: "lora",
      r: 2,
      targetModules: ["v_proj"],
      modulesToSave: ["lm_head"],
    } satisfies StageInput["adapter"];
    const pairs = [1, 2, 3, 4].map((i) => ({ prompt: `Say ${i}`, chosen: `yes ${i}`, rejected: `no ${i}` }));
    const stages: StageInput[] = [
      { stage: "pretrain", adapter: lora, data: [TEXT] },
      { name: "tasks", adapter: { type: "lora", r: 4 } },
      { objective: { type: "dpo" }, data: [{ rows: pairs }] },
    ];
    const events = await runAll(staged("run", stages));
    expect(namesOf(events)).toEqual(["1/3 pretrain", "2/3 tasks", "3/3 dpo"]);
    expect(recipeOf("run/stages/2-tasks")).toMatchObject({ model: at("run/stages/2-tasks-base") });
    expect(recipeOf("run/stages/3-dpo").adapter).toEqual({ path: at("run/stages/2-tasks/adapter") });
    expect(await readRunResult(at("run"))).toMatchObject({
      run: at("run/stages/3-dpo"),
      path: at("run/stages/3-dpo/adapter"),
    });
  });

  test("go on where they were stopped, to the same bits", async () => {
    const recipe = (output: string) => staged(output, [pretrain, {}, { data: [TEXT] }]);
    const whole = await runAll(recipe("whole"));
    for (const stage of ["1-pretrain", "2-instruct", "3-instruct"]) {
      const stop = new AbortController();
      await runAll(recipe("parts"), { signal: stop.signal }, (event) => {
        const isWanted = event.type === "step" && event.step === 2;
        if (isWanted && existsSync(at("parts/stages", stage))) stop.abort();
      });
    }
    const last = await runAll(recipe("parts"));
    expect(namesOf(last)).toEqual(["3/3 instruct"]);
    expect(last.at(-1)).toMatchObject({ type: "end", reason: "completed" });
    expect(whole.at(-1)).toMatchObject({ type: "end", step: 3 });
    for (const result of ["1-pretrain/model", "2-instruct/adapter", "3-instruct/adapter"])
      expect(weightsIn(at("parts/stages", result))).toEqual(weightsIn(at("whole/stages", result)));
  });

  test("a finished stage whose result was removed is run again; one whose settings changed is refused", async () => {
    await runAll(staged("run", [pretrain, {}]));
    expect(await messageOf(runAll(staged("run", [{ ...pretrain, training: { maxSteps: 2 } }, {}])))).toMatch(
      /stages\/1-pretrain: the directory holds the run of another recipe[\s\S]*training.maxSteps: 3 there, 2 here/,
    );
    rmSync(at("run/stages/1-pretrain"), { recursive: true });
    rmSync(at("run/stages/2-instruct"), { recursive: true });
    expect(namesOf(await runAll(staged("run", [pretrain, {}])))).toEqual(["1/2 pretrain", "2/2 instruct"]);
  });

  test("replay mixes earlier stages' examples in, by their share", async () => {
    const events = await runAll(staged("run", [{ data: [ROWS] }, { data: [TEXT], replay: 0.25 }]));
    const [rows, both] = events.flatMap((event) => (event.type === "start" ? [event.examples] : []));
    const { data } = recipeOf("run/stages/2-instruct");
    expect(data).toEqual([TEXT, { ...ROWS, maxExamples: Math.round((both! - rows!) / 3) }]);
  });
});

describe("what is wrong is named before the first stage trains", () => {
  const failing = async (stages: unknown[], shared: object = {}) => {
    const message = await messageOf(runAll(staged("bad", stages as StageInput[], shared)));
    expect(existsSync(at("bad/stages"))).toBe(false);
    return message;
  };

  test("data that is missing", async () => {
    const missing = at("none.jsonl");
    expect(await failing([pretrain, { data: [{ path: missing }] }])).toMatch(
      /stage 2 \(instruct\): .*none\.jsonl/,
    );
  });

  test("rows that a stage can't learn from", async () => {
    expect(await failing([{}, { stage: "pretrain", name: "late" }])).toMatch(
      /stage 2 \(late\)[\s\S]*raw text/,
    );
  });

  test("keys", async () => {
    expect(await failing([])).toMatch(/stages: expected a list of 1 to 20 stages/);
    expect(await failing([{ trainingg: {} }])).toMatch(/stage 1 \(instruct\)[\s\S]*trainingg/);
    expect(await failing([{}, { training: { epochs: 2 } }])).toMatch(/stage 2[\s\S]*epochs or maxSteps/);
    expect(await failing([{}, { model: "x" }])).toMatch(/stages\.1\.model: a stage goes on from the last/);
    expect(await failing([{ output: "x" }])).toMatch(/stages\.0\.output: a stage's directory follows/);
    expect(await failing([{}, { adapter: { path: "x" } }])).toMatch(/stages\.1\.adapter\.path/);
    expect(await failing([{ name: "../up" }])).toMatch(/stages\.0\.name: .*letters/);
    expect(await failing([{}], { model: undefined })).toMatch(/model/);
  });

  test("a target that the model lacks", async () => {
    expect(await failing([{}, { adapter: { type: "lora", targetModules: ["nope"] } }])).toMatch(
      /stage 2.*nope/,
    );
  });

  test("a replay that can't be", async () => {
    expect(await failing([{ replay: 0.5 }])).toMatch(/stages\.0\.replay: expected no replay/);
    expect(await failing([{}, { replay: 1 }])).toMatch(/expected a share from 0 to below 1, got 1/);
    const rows = [{ prompt: "a", chosen: "b", rejected: "c" }];
    const dpo = { objective: { type: "dpo" }, data: [{ rows }], replay: 0.1 };
    expect(await failing([{}, dpo])).toMatch(/replay: instruct learns by sft, this stage by dpo/);
  });

  test("a directory of something else", async () => {
    await runToEnd(smallRecipe(at("other"), { training: { maxSteps: 1 } }));
    expect(await messageOf(runAll(staged("other", [{}])))).toMatch(/holds no run of stages/);
    await runAll(staged("mine", [{}]));
    writeFileSync(at("mine/stages.json"), '{"finished":[{"name":"../..","result":"adapter"}]}');
    expect(await messageOf(runAll(staged("mine", [{}])))).toMatch(/stages\.json: expected a list finished/);
  });
});
