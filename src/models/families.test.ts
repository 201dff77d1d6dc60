import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { linearLogits } from "../graph/ops/cross_entropy.ts";
import { compile } from "../testing/evaluate.ts";
import { goldenPath, goldenTensorEntries, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { checkTensors } from "./check_tensors.ts";
import { FAMILIES as KNOWN, readModel } from "./families.ts";
import { frozenParameters } from "./frozen.ts";
import { rowPass } from "./row_pass.ts";
import { createScope } from "./scope.ts";

const MODELS = [
  "llama-gqa",
  "llama3-rope",
  "llama-linear-rope",
  "llama-bias",
  "llama-bf16",
  "llama-sharded",
  "mistral-window",
  "mistral-plain",
  "qwen2-tied",
  "qwen2-untied",
];

/** The bound is 1e-4; measured is up to 1.4e-5. */
const TOLERANCE = 5e-5;

/** Smaller goldens, of one sequence. */
const FAMILIES = readdirSync(goldenPath("families"));
const paths = [...MODELS.map((name) => `models/${name}`), ...FAMILIES.map((name) => `families/${name}`)];

/** Logits of each of the golden's sequences alone, [B·T·V], by the graph built from `config`. */
async function logitsOf(name: string, config: Record<string, unknown>, inputIds: number[], B: number) {
  const path = goldenPath(name);
  const tensors = await goldenTensorEntries(path);
  const model = readModel(config);
  checkTensors(model, tensors, path);
  const { hidden, head, softcap } = model.decode(createScope(frozenParameters(tensors)), rowPass());
  const compiled = await compile({ logits: linearLogits(hidden, head, { softcap }) });
  const T = inputIds.length / B;
  const index = Array.from({ length: T }, (_, i) => i);
  const vector = (data: number[]) => ({ shape: [T], data });
  const all: number[] = [];
  for (let b = 0; b < B; b++) {
    const { logits } = await compiled.run({
      tokens: vector(inputIds.slice(b * T, (b + 1) * T)),
      positions: vector(index),
      index: vector(index),
      ends: vector(index.map(() => T)),
    });
    for (const value of logits!.data) all.push(value);
  }
  await compiled.release();
  return all;
}

const readConfig = (name: string, file: string) =>
  JSON.parse(readFileSync(goldenPath(`${name}/${file}`), "utf8")) as Record<string, unknown>;

describe.each(paths)("%s", (name) => {
  test.each(["config.json", "config.v4.json"])("logits equal transformers', %s", async (file) => {
    const golden = await readGoldenTensors(goldenPath(`${name}/logits.safetensors`));
    const { shape, data } = golden.input_ids!;
    const logits = await logitsOf(name, readConfig(name, file), [...data], shape[0]!);
    expect(maxDifference(logits, golden.logits!.data)).toBeLessThan(TOLERANCE);
  });
});

/** Every check below `goldens/` walks these directories: a family without one would pass unseen. */
describe.each(KNOWN.map(({ modelType }) => modelType))("%s", (modelType) => {
  const own = paths.filter((name) => readConfig(name, "config.json").model_type === modelType);

  test("has a golden in both generations' spelling", () => {
    expect(own.some((name) => existsSync(goldenPath(`${name}/config.v4.json`)))).toBe(true);
  });

  test("has a run of PEFT", () => {
    const runs = readdirSync(goldenPath("training")).map((name) => `training/${name}`);
    const modelOf = (run: string) =>
      JSON.parse(readFileSync(goldenPath(`${run}/case.json`), "utf8")).model as string;
    const ofOwn = runs.filter((run) => own.some((name) => modelOf(run).endsWith(`/${name}`)));
    expect([...own, ...ofOwn].some((name) => existsSync(goldenPath(`${name}/metrics.json`)))).toBe(true);
  });
});

test("the golden notices a changed rotary base", async () => {
  const golden = await readGoldenTensors(goldenPath("models/llama-gqa/logits.safetensors"));
  const { shape, data } = golden.input_ids!;
  const config = { ...readConfig("models/llama-gqa", "config.v4.json"), rope_theta: 500 };
  const logits = await logitsOf("models/llama-gqa", config, [...data], shape[0]!);
  expect(maxDifference(logits, golden.logits!.data)).toBeGreaterThan(1e-2);
});
