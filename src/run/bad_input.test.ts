import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { copyOf, readTensor } from "../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../files/safetensors_file.ts";
import { outputOf, startChild } from "../files/testing/child.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { tunedCopy } from "../files/testing/tuned_copy.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { RecipeInput } from "../training/recipe.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";
import { train } from "./train.ts";

const at = temporaryDirectory();

interface Row {
  instruction: string;
  input?: string;
  output?: string;
}
const rows: Row[] = JSON.parse(readFileSync(goldenPath("data/alpaca.json"), "utf8"));

/** A recipe on data, a template and a model of the test's own. */
function recipeOn(data: string | Row[], changes: Partial<RecipeInput> = {}): RecipeInput {
  writeFileSync(at("data.json"), typeof data === "string" ? data : JSON.stringify(data));
  return smallRecipe(at("run"), { data: [{ path: at("data.json") }], ...changes });
}

/** A copy of a golden model that `change` may spoil. */
function spoiledModel(change: (model: string) => void): Partial<RecipeInput> {
  cpSync(goldenPath("models/llama-gqa"), at("model"), { recursive: true });
  change(at("model"));
  return { model: at("model") };
}

const tuned = (): Partial<RecipeInput> => ({
  model: tunedCopy(goldenPath("models/llama-gqa"), at("tuned"), "model.norm.weight"),
});

function changeJson(
  file: string,
  change: (json: { [key: string]: unknown; added_tokens?: object[] }) => unknown,
): void {
  const json = JSON.parse(readFileSync(file, "utf8"));
  change(json);
  writeFileSync(file, JSON.stringify(json));
}

function templateOf(text: string): Partial<RecipeInput> {
  writeFileSync(at("mine.jinja"), text);
  return { template: at("mine.jinja") };
}

describe("a run does not start, says where and why, and leaves nothing", () => {
  const good = rows.slice(0, 4);
  const adapter = goldenPath("training/llama-gqa-lora-qv/final");
  const cases: Record<string, [() => RecipeInput, RegExp]> = {
    "no such data": [
      () => smallRecipe(at("run"), { data: [{ path: at("missing.json") }] }),
      /missing\.json: there is no such file/,
    ],
    "an empty dataset": [() => recipeOn([]), /data\.json: the dataset is empty/],
    "an empty file": [() => recipeOn(""), /data\.json: the dataset is empty/],
    "invalid JSON": [
      () => recipeOn('[{"instruction":"a","output":"b"},\n{"instruction":"a","output"}]'),
      /data\.json row 2: invalid JSON at line 2, column 28/,
    ],
    "a row without the answer's key": [
      () => recipeOn([...good, { instruction: "Say yes." }]),
      /data\.json row 5: .*output/,
    ],
    "only empty answers": [
      () => recipeOn(good.map((row) => ({ ...row, output: " " }))),
      /none of 4 examples can be trained on\n.*data\.json row 1: the answer in message 2 is empty \(the first of 4\)/,
    ],
    "only answers beyond maxLength": [
      () => recipeOn(good, { training: { maxLength: 2 } }),
      /none of 4 examples .*\n.*row 1: none of its first 2 tokens \(maxLength\) is a label \(the first of 4\)/,
    ],
    "too little to hold out": [
      () => recipeOn(good.slice(0, 1), { evaluation: { fraction: 0.5 } }),
      /evaluation\.fraction: 0\.5 of 1 examples .* leaves 0 to train on/,
    ],
    "no such template": [
      () => recipeOn(good, { template: at("missing.jinja") }),
      /Cannot read .*missing\.jinja: there is no such file/,
    ],
    "a template that is none": [
      () => recipeOn(good, templateOf("{% for m in messages %}")),
      /template .*mine\.jinja: /,
    ],
    "a template that throws": [
      () => recipeOn(good, templateOf("{{ raise_exception('only tools') }}")),
      /data\.json row 1: template .*mine\.jinja: only tools/,
    ],
    "a template that leaves the answer out": [
      () =>
        recipeOn(good, templateOf("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}")),
      /data\.json row 1: template .*mine\.jinja: the template leaves out the answer in message 2/,
    ],
    "a template that never ends a turn": [
      () => recipeOn(good, templateOf("{% for m in messages %}{{ m.content }}{% endfor %}")),
      /data\.json row 1: template .*mine\.jinja: the template writes no end-of-turn token/,
    ],
    "a model of an unknown type": [
      () =>
        recipeOn(
          good,
          spoiledModel((m) =>
            changeJson(`${m}/config.json`, (c) => Object.assign(c, { model_type: "gpt9" })),
          ),
        ),
      /model\/config\.json: model_type: expected llama, mistral, qwen2, .*, got "gpt9"/,
    ],
    "a model without a tensor that config.json asks for": [
      () =>
        recipeOn(
          good,
          spoiledModel((m) =>
            changeJson(`${m}/config.json`, (c) => Object.assign(c, { num_hidden_layers: 4 })),
          ),
        ),
      /model: config\.json's sizes are not those of the weights\n {2}num_hidden_layers: expected 3, as the files hold so many layers, got 4/,
    ],
    "a model with tensors of other shapes": [
      () =>
        recipeOn(
          good,
          spoiledModel((m) =>
            changeJson(`${m}/config.json`, (c) => Object.assign(c, { intermediate_size: 64 })),
          ),
        ),
      /gate_proj\.weight: expected \[64, 32\], by config\.json, got \[72, 32\] in .*model\.safetensors/,
    ],
    "a model without a tokenizer": [
      () =>
        recipeOn(
          good,
          spoiledModel((m) => rmSync(`${m}/tokenizer.json`)),
        ),
      /model: there is no tokenizer\.json/,
    ],
    "a tokenizer that doesn't fit the vocabulary": [
      () =>
        recipeOn(
          good,
          spoiledModel((m) =>
            changeJson(`${m}/tokenizer.json`, ({ added_tokens }) =>
              added_tokens!.push({ ...added_tokens!.at(-1), id: 320, content: "<|new|>" }),
            ),
          ),
        ),
      /model\/tokenizer\.json: the ids go up to 320 \("<\|new\|>"\), the model's vocabulary \(vocab_size\) ends at 319/,
    ],
    "an adapter for another model": [
      () => recipeOn(good, { model: goldenPath("models/qwen2-tied"), adapter: { path: adapter } }),
      /The adapter does not fit the model\. It was made for goldens\/models\/llama-gqa: use it/,
    ],
    "an adapter for another model of the same shape": [
      () => recipeOn(good, { ...tuned(), adapter: { path: adapter } }),
      /adapter_config\.json: base_model_name_or_path is goldens\/models\/llama-gqa, and \S+tuned is another model/,
    ],
    "target modules that the model lacks": [
      () => recipeOn(good, { adapter: { type: "lora", targetModules: ["q_prj"] } }),
      /targetModules: no linear layer matches q_prj \(did you mean q_proj\?\)/,
    ],
    "an output below a file": [
      () => ({ ...recipeOn(good), output: at("data.json/run") }),
      /data\.json\/run.*: a part of the path is a file/,
    ],
    "an output that is a file": [
      () => ({ ...recipeOn(good), output: at("data.json") }),
      /data\.json.*: a part of the path is a file/,
    ],
  };
  test.each(Object.entries(cases))("%s", async (_, [recipe, message]) => {
    const given = recipe();
    const before = contents(at());
    const said = await messageOf(runToEnd(given));
    expect(said).toMatch(/^AttuneError: /);
    expect(said).toMatch(message);
    expect(contents(at())).toEqual(before);
    expect(existsSync(at("run"))).toBe(false);
  });
});

test("empty answers among others are left out, counted and named", async () => {
  const events = await runToEnd(
    recipeOn([rows[0]!, { ...rows[1]!, output: "" }, rows[2]!], { training: { maxSteps: 1 } }),
  );
  expect(events[0]).toMatchObject({
    examples: 2,
    data: {
      read: 3,
      kept: 2,
      dropped: [
        {
          reason: "the answer in message 2 is empty",
          count: 1,
          origins: [{ file: at("data.json"), row: 2 }],
        },
      ],
    },
  });
});

describe("a loss that is no number", () => {
  /** A token of the tenth row, and of no other before the thirteenth. */
  function rareToken(): number {
    const tokens: { examples: { input_ids: number[] }[] } = JSON.parse(
      readFileSync(goldenPath("data/tokens-chat-96.json"), "utf8"),
    );
    const others = new Set(
      tokens.examples.slice(0, 12).flatMap(({ input_ids }, i) => (i === 9 ? [] : input_ids)),
    );
    return tokens.examples[9]!.input_ids.slice(0, 48).find((id) => !others.has(id))!;
  }

  /** Its output layer is what its embedding was, before `value` was written into it. */
  async function modelWith(family: string, value: number): Promise<Partial<RecipeInput>> {
    cpSync(goldenPath("models/llama-gqa"), at("model"), { recursive: true });
    cpSync(goldenPath(`families/${family}/config.json`), at("model/config.json"));
    changeJson(at("model/config.json"), (c) => Object.assign(c, { max_position_embeddings: 96 }));
    const { tensors } = await readSafetensorsHeader(goldenPath(`families/${family}/model.safetensors`));
    const [name, head] = ["model.embed_tokens.weight", "lm_head.weight"];
    const sources = new Map([...tensors.values()].map((entry) => [entry.name, copyOf(entry)]));
    const changed = await readTensor(tensors.get(name)!);
    changed[rareToken() * tensors.get(name)!.shape[1]!] = value;
    sources.set(head, { ...sources.get(name)!, name: head });
    sources.set(name, { ...sources.get(name)!, data: () => changed });
    await writeSafetensors(at("model/model.safetensors"), sources.values());
    return { model: at("model") };
  }

  test("stops the run with the step and the example, and keeps what was there", async () => {
    const recipe = recipeOn(rows, {
      ...(await modelWith("gemma", 3e38)), // whose embeddings are scaled beyond what float32 holds
      training: { maxSteps: 6, maxLength: 96, saveEvery: 2 },
    });
    const expected = `AttuneError: step 3: the loss is NaN, at ${at("data.json")} row 10. Earlier checkpoints and metrics are kept.`;
    expect(await messageOf(runToEnd(recipe))).toContain(expected);
    expect(readMetrics(at("run")).map(({ step }) => step)).toEqual([1, 2]);
    expect(readdirSync(at("run/checkpoints"))).toEqual(["step-2"]);
    const before = contents(at("run"));
    expect(await messageOf(runToEnd(recipe))).toContain(expected);
    const { "summary.json": summary, "report.html": report, ...others } = before;
    expect(contents(at("run"))).toMatchObject(others);
    expect([summary, report]).not.toContain(undefined);
    expect(JSON.parse(readFileSync(at("run/summary.json"), "utf8"))).toMatchObject({
      state: "failed",
      step: 2,
    });
    expect(readFileSync(at("run/report.html"), "utf8")).toContain("step 3: the loss is NaN");
  });

  test("is the base's where a row of its embedding is none", async () => {
    const recipe = recipeOn(rows, { ...(await modelWith("qwen3", Number.NaN)), training: { maxSteps: 6 } });
    const message = await messageOf(runToEnd(recipe));
    expect(message).toMatch(
      /^AttuneError: .*model\.safetensors: the base's model\.embed_tokens\.weight is NaN at \[\d+, 0\]/,
    );
    expect(message).not.toMatch(/learningRate|row/);
  });

  test("names no more than it can tell when all examples break", async () => {
    const training = { learningRate: 1e38, warmupRatio: 0, batchSize: 7 };
    const message = await messageOf(runToEnd(recipeOn(rows, { training })));
    const named = [8, 9, 10, 11, 12].map((row) => `${at("data.json")} row ${row}`).join(", ");
    expect(message).toMatch(/^AttuneError: step 2: the loss is (NaN|Infinity), at /);
    expect(message).toContain(`${named}, and 2 more.`);
  });

  test("stops the run at an evaluation, too, before it is saved", async () => {
    const training = { learningRate: 1e38, warmupRatio: 0, maxSteps: 1 };
    const message = await messageOf(runToEnd(recipeOn(rows, { training, evaluation: { fraction: 0.02 } })));
    expect(message).toMatch(
      /^AttuneError: step 1: the evaluation loss is (NaN|Infinity), at .*data\.json row \d+, /,
    );
    expect(readdirSync(at("run")).sort()).toEqual([
      ...["metrics.jsonl", "recipe.json", "report.html", "run.json", "summary.json"],
    ]);
  });
});

test.skipIf(process.platform === "win32")(
  "a full disk at a checkpoint costs that checkpoint only",
  async () => {
    const training = { maxSteps: 4, saveEvery: 2, learningRate: 1e-3 };
    const recipe = smallRecipe(at("run"), { adapter: undefined, training });
    const source = `
    import { train } from "attune";
    try {
      for await (const event of train(${JSON.stringify(recipe)}, { threads: 1 }));
    } catch (error) {
      console.log(error.name + ": " + error.message);
    }`;
    for await (const { type } of train(recipe, { threads: 1 })) if (type === "checkpoint") break;
    const checkpoint = contents(at("run/checkpoints"));
    const message = await outputOf(startChild(at(), source, 300)); // KiB; a checkpoint has 600
    expect(message).toMatch(
      /^AttuneError: Cannot write .*run\/checkpoints\/step-4.*What was there before is unchanged\./,
    );
    expect(contents(at("run/checkpoints"))).toEqual(checkpoint);
    expect(readMetrics(at("run")).map(({ step }) => step)).toEqual([1, 2, 3, 4]);

    await runToEnd(recipe);
    await runToEnd({ ...recipe, output: at("unbroken") });
    expect(readMetrics(at("run"))).toEqual(readMetrics(at("unbroken")));
    expect(contents(at("run/model"))).toEqual(contents(at("unbroken/model")));
  },
);
