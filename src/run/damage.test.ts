import {
  appendFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { tunedCopy } from "../files/testing/tuned_copy.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { StartEvent } from "../training/events.ts";
import type { RecipeInput } from "../training/recipe.ts";
import { caseRecipe, writeCaseModel } from "./testing/cases.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";
import { train } from "./train.ts";

const at = temporaryDirectory();
const remains = (output: string) => [contents(`${output}/adapter`), readMetrics(output)];

/** Turns one bit of the last number in a file. */
function turnBit(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
}

const checkpoint = (step: number, file = "") => at("run/checkpoints", `step-${step}`, file);

describe("n3 to n5: a run of six steps, saved after the fourth and the sixth", () => {
  let recipe: RecipeInput;
  beforeEach(async () => {
    recipe = await caseRecipe("n3", { model: at("model"), output: at("run") });
    await runToEnd(recipe);
    cpSync(at("run"), at("whole"), { recursive: true });
    rmSync(at("run/adapter"), { recursive: true });
    expect(readdirSync(at("run/checkpoints"))).toEqual(["step-4", "step-6"]);
  });

  test.each<[string, () => void]>([
    [
      "n3: its tensors cut in half",
      () => {
        const file = checkpoint(6, "tensors.safetensors");
        truncateSync(file, statSync(file).size / 2);
      },
    ],
    ["n5: one number of its tensors changed", () => turnBit(checkpoint(6, "tensors.safetensors"))],
    [
      "one number of its state changed",
      () => {
        const file = checkpoint(6, "state.json");
        writeFileSync(file, readFileSync(file, "utf8").replace('"bestStep": 0', '"bestStep": 1'));
      },
    ],
    ["its state gone", () => rmSync(checkpoint(6, "state.json"))],
    ["its tensors empty", () => truncateSync(checkpoint(6, "tensors.safetensors"), 0)],
  ])("%s: goes on from the fourth to the same bytes, and says so", async (_, damage) => {
    damage();
    const damaged = contents(checkpoint(6));
    const [start] = await runToEnd(recipe);
    expect(start).toMatchObject({ step: 4 });
    const { warnings } = start as StartEvent;
    expect(warnings.length).toBe(1);
    expect(warnings[0]).toMatch(/step-6.* is set aside.*; going on from step 4/);
    expect(remains(at("run"))).toEqual(remains(at("whole")));
    expect(contents(at("run/checkpoints/step-6.damaged"))).toEqual(damaged);
    expect(((await runToEnd(recipe))[0] as StartEvent).warnings).toEqual([]);
  });

  test("both damaged: says which directory to remove, and goes on when that is done", async () => {
    for (const step of [4, 6]) turnBit(checkpoint(step, "tensors.safetensors"));
    const before = contents(at("run"));
    const message = await messageOf(runToEnd(recipe));
    expect(message).toMatch(
      /^AttuneError: .*run: none of its checkpoints can be read\. Remove .*run\/checkpoints /,
    );
    expect(message).toMatch(/step-6: .*damaged.*\n.*step-4: .*damaged/);
    expect(contents(at("run"))).toEqual(before);
    rmSync(at("run/checkpoints"), { recursive: true });
    expect((await runToEnd(recipe))[0]).toMatchObject({ step: 0 });
    expect(remains(at("run"))).toEqual(remains(at("whole")));
  });

  test("n5: the only one damaged is told as that", async () => {
    rmSync(checkpoint(4), { recursive: true });
    turnBit(checkpoint(6, "tensors.safetensors"));
    expect(await messageOf(runToEnd(recipe))).toMatch(
      /step-6: .*tensors\.safetensors: damaged: its hash is another/,
    );
  });

  test("n4: other weights in the base are refused by name", async () => {
    rmSync(checkpoint(6), { recursive: true });
    await writeCaseModel("models/chatml", at("model"), 2);
    const before = contents(at("run"));
    expect(await messageOf(runToEnd(recipe))).toMatch(
      /run: its run can't go on, as these have changed since step 4: the base's weights \(model\.safetensors\)\. Put back /,
    );
    expect(contents(at("run"))).toEqual(before);
    await writeCaseModel("models/chatml", at("model"), 1); // as before, with another date
    await runToEnd(recipe);
    expect(remains(at("run"))).toEqual(remains(at("whole")));
  });

  test.each<[string, () => void, string]>([
    ["one number of the base", () => turnBit(at("model/model.safetensors")), "the base's weights"],
    [
      "a setting of the base",
      () => {
        const config = JSON.parse(readFileSync(at("model/config.json"), "utf8"));
        writeFileSync(at("model/config.json"), JSON.stringify({ ...config, rms_norm_eps: 1e-6 }));
      },
      "the base's config.json",
    ],
    [
      "the tokenizer",
      () => {
        const tokenizer = JSON.parse(readFileSync(at("model/tokenizer.json"), "utf8"));
        writeFileSync(
          at("model/tokenizer.json"),
          JSON.stringify({ ...tokenizer, truncation: null, padding: {} }),
        );
      },
      "the tokenizer",
    ],
    ["the template", () => appendFileSync(at("model/chat_template.jinja"), "{# a remark #}"), "the template"],
  ])("%s has changed: refused, naming it alone", async (_, change, named) => {
    change();
    const message = await messageOf(runToEnd(recipe));
    const all = ["the base's weights", "the base's config.json", "the tokenizer", "the template", "the data"];
    expect(message).toContain("have changed since step 6");
    expect(all.filter((name) => message.includes(name))).toEqual([named]);
  });
});

test("an adapter that a run goes on from, changed meanwhile, is refused", async () => {
  await runToEnd(smallRecipe(at("first"), { training: { maxSteps: 1, warmupRatio: 0 } }));
  const recipe = smallRecipe(at("run"), {
    adapter: { path: at("first/adapter") },
    training: { saveEvery: 2 },
  });
  for await (const { type } of train(recipe, { threads: 1 })) if (type === "checkpoint") break;
  turnBit(at("first/adapter/adapter_model.safetensors"));
  expect(await messageOf(runToEnd(recipe))).toMatch(/have changed since step 2: the adapter's weights\. /);
});

test("a base quantized for the run is known by its own weights", async () => {
  cpSync(goldenPath("models/llama-gqa"), at("model"), { recursive: true });
  const recipe = smallRecipe(at("run"), {
    model: at("model"),
    quantization: { type: "nf4" },
    training: { maxSteps: 2, saveEvery: 1 },
  });
  for await (const { type } of train(recipe, { threads: 1 })) if (type === "checkpoint") break;
  tunedCopy(goldenPath("models/llama-gqa"), at("model"), "model.norm.weight");
  expect(await messageOf(runToEnd(recipe))).toMatch(
    /since step 1: the base's weights \(model\.safetensors\)/,
  );
});

describe("other files of a run", () => {
  const recipe = () => smallRecipe(at("run"), { training: { maxSteps: 4, saveEvery: 2 } });

  test("an unfinished last line of the metrics goes, and what comes after the checkpoint is made again", async () => {
    await runToEnd({ ...recipe(), output: at("unbroken") });
    for await (const { type, step } of train(recipe(), { threads: 1 }))
      if (type === "step" && step === 3) break;
    appendFileSync(at("run/metrics.jsonl"), '{"step":4,"epo');
    await runToEnd(recipe());
    expect(readMetrics(at("run"))).toEqual(readMetrics(at("unbroken")));
  });

  test("a date that is none is named", async () => {
    await runToEnd(recipe());
    writeFileSync(at("run/run.json"), '{"startedAt": "yesterday"}');
    expect(await messageOf(runToEnd(recipe()))).toMatch(
      /run\.json: expected startedAt, a date, got "yesterday"\. Remove/,
    );
  });

  test("a checkpoint of another version is named, with the way out", async () => {
    await runToEnd(recipe());
    const { writeCheckpoint } = await import("../files/training_checkpoint.ts");
    await writeCheckpoint(at("run"), 4, { tensors: [], state: { dataHash: "abc" } });
    expect(await messageOf(runToEnd(recipe()))).toMatch(
      /step-4: another version of attune wrote it\. .* or remove .*run\/checkpoints /,
    );
  });
});
