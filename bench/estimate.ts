/**
 * How near `attune estimate` comes: it, then the run itself, each in a process of its own, for six recipes.
 *
 *   npx tsx bench/estimate.ts --data DIR [--model DIR] [--only NAME,…] [--steps 6] [--repeat 1]
 *
 * DIR has alpaca_en_demo.json, dpo_en_demo.json and wiki_demo.txt (LLaMA-Factory's demo data). --model is a model of 0.5B's
 * shape (`npm run bench -- --only a` makes one); without it that recipe is left out. The others use a random
 * model of 25 million parameters, made here. Prints estimated, measured and their ratio; with --repeat, of medians.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readModel } from "../src/models/families.ts";
import { initializeWeights } from "../src/models/initialize.ts";
import { openModelDirectory } from "../src/pretrained/model_directory.ts";
import { saveModelDirectory } from "../src/pretrained/save_model_directory.ts";
import { estimate } from "../src/run/estimate/estimate.ts";
import { train } from "../src/run/train.ts";
import type { RecipeInput } from "../src/training/recipe.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    model: { type: "string" },
    only: { type: "string" },
    steps: { type: "string", default: "6" },
    repeat: { type: "string", default: "1" },
    /** In a process of its own: what is done with a recipe's file. */
    task: { type: "string" },
    recipe: { type: "string" },
  },
});

interface Figures {
  peakMemoryBytes: number;
  seconds: number;
  secondsPerStep: number;
  steps: number;
  tokens: number;
}

if (values.task)
  console.log(JSON.stringify(await figuresOf(values.task, JSON.parse(readFileSync(values.recipe!, "utf8")))));
else await compareAll();

async function figuresOf(task: string, recipe: RecipeInput): Promise<Figures> {
  if (task === "estimate") return estimate(recipe);
  let [steps, tokens, seconds] = [0, 0, 0];
  for await (const event of train(recipe))
    if (event.type === "step") {
      steps++;
      tokens += event.tokens;
      seconds += event.seconds;
    }
  const status = readFileSync("/proc/self/status", "utf8");
  const peakMemoryBytes = Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024;
  return { peakMemoryBytes, seconds: process.uptime(), secondsPerStep: seconds / steps, steps, tokens };
}

async function compareAll(): Promise<void> {
  if (!values.data) throw new Error("give --data DIR");
  const work = mkdtempSync(join(tmpdir(), "attune-bench-"));
  try {
    const small = join(work, "model");
    await makeModel(small);
    const recipes = recipesOf(small, values.data);
    const names = values.only?.split(",") ?? Object.keys(recipes);
    console.log(
      "| recipe | memory: estimated | measured | ratio | time: estimated | measured | ratio | steps, tokens | load |",
    );
    console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (const name of names) console.log(compare(name, recipes[name]!, work));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function recipesOf(model: string, data: string): Record<string, RecipeInput> {
  const lora = { type: "lora", r: 8, alpha: 16, targetModules: "all-linear" } as const;
  const training = { maxSteps: +values.steps!, batchSize: 4, maxLength: 512 };
  const alpaca = [{ path: join(data, "alpaca_en_demo.json") }];
  const common = { model, data: alpaca, training, output: "" };
  return {
    LoRA: { ...common, adapter: lora },
    QLoRA: { ...common, adapter: lora, quantization: { type: "nf4" } },
    "all weights": { ...common },
    "long rows": {
      ...common,
      stage: "pretrain",
      adapter: lora,
      data: [{ path: join(data, "wiki_demo.txt") }],
      training: { ...training, maxLength: 2048 },
    },
    preferences: {
      ...common,
      adapter: lora,
      objective: { type: "dpo" },
      data: [{ path: join(data, "dpo_en_demo.json"), maxExamples: 40 }],
      training: { ...training, maxLength: 512 },
    },
    ...(values.model && { "0.5B": { ...common, model: values.model, adapter: lora } }),
  };
}

/** Llama's shape, 25 million parameters and the demo's tokenizer. */
async function makeModel(path: string): Promise<void> {
  const from = await openModelDirectory("demo/base");
  const config = {
    ...from.config,
    hidden_size: 512,
    intermediate_size: 1408,
    num_hidden_layers: 8,
    num_attention_heads: 8,
    num_key_value_heads: 8,
    head_dim: 64,
    max_position_embeddings: 4096,
    dtype: "bfloat16",
  };
  const weights = initializeWeights(readModel(config), 1);
  const tensors = [...weights].map(([name, { shape, data }]) => ({
    name,
    dtype: "BF16" as const,
    shape: [...shape],
    data: () => data,
  }));
  await saveModelDirectory(path, { config, tensors, from });
}

function compare(name: string, recipe: RecipeInput, work: string): string {
  const [expected, found]: [Figures[], Figures[]] = [[], []];
  for (let i = 0; i < +values.repeat!; i++) {
    const output = join(work, `${name}-${i}`);
    const file = join(work, "recipe.json");
    writeFileSync(file, JSON.stringify({ ...recipe, output }));
    expected.push(inProcess("estimate", file));
    found.push(inProcess("train", file));
    rmSync(output, { recursive: true, force: true });
  }
  const [a, b] = [medians(expected), medians(found)];
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(3)} GB`;
  const same =
    a.steps === b.steps && a.tokens === b.tokens
      ? "equal"
      : `${a.steps}, ${a.tokens} against ${b.steps}, ${b.tokens}`;
  const cells = [
    name,
    ...[
      gigabytes(a.peakMemoryBytes),
      gigabytes(b.peakMemoryBytes),
      (a.peakMemoryBytes / b.peakMemoryBytes).toFixed(2),
    ],
    ...[`${a.seconds.toFixed(1)} s`, `${b.seconds.toFixed(1)} s`, (a.seconds / b.seconds).toFixed(2)],
    same,
    loadavg()[0]!.toFixed(1),
  ];
  return `| ${cells.join(" | ")} |`;
}

function inProcess(task: string, recipe: string): Figures {
  const words = ["--import", "tsx", fileURLToPath(import.meta.url), "--task", task, "--recipe", recipe];
  return JSON.parse(execFileSync(process.execPath, words, { encoding: "utf8" }));
}

function medians(all: readonly Figures[]): Figures {
  const median = (key: keyof Figures) =>
    all.map((figures) => figures[key]).sort((x, y) => x - y)[Math.floor(all.length / 2)]!;
  return {
    peakMemoryBytes: median("peakMemoryBytes"),
    seconds: median("seconds"),
    secondsPerStep: median("secondsPerStep"),
    steps: median("steps"),
    tokens: median("tokens"),
  };
}
