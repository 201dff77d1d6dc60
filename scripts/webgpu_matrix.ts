import { readdirSync } from "node:fs";
import { readModel } from "../src/models/families.ts";
import { modelLayout } from "../src/models/layout.ts";
import { openModelDirectory } from "../src/pretrained/model_directory.ts";
import { quantizeTensors } from "../src/quantization/quantize_tensors.ts";
import { openSession } from "../src/runtime/node.ts";
import { goldenPath } from "../src/testing/goldens.ts";
import { deviceState } from "../src/training/device_state.ts";
import { openEngine } from "../src/training/engine.ts";
import { parseRecipe, type RecipeInput } from "../src/training/recipe.ts";
import { recipeMethod } from "../src/training/recipe_method.ts";

type Choice = Pick<RecipeInput, "adapter" | "quantization">;

const targetModules = "all-linear";
const LORA = { type: "lora", r: 1, targetModules } as const; // some matrices have a single row
const KINDS = {
  LoRA: LORA,
  DoRA: { ...LORA, useDora: true },
  "(IA)³": { type: "ia3", targetModules },
  VeRA: { type: "vera", r: 1, targetModules },
} as const;
const WEIGHTS = {
  float32: undefined,
  nf4: { type: "nf4" },
  fp4: { type: "fp4" },
  int8: { type: "int8" },
} as const;

interface Opening {
  /** A directory for weights that are quantized. */
  cache: string;
  /** In float16. */
  half: boolean;
}

/** Every kind of adapter over every kind of weights, one with dropout, and all weights. */
function choices(): Map<string, Choice> {
  const all = new Map<string, Choice>();
  for (const [kind, adapter] of Object.entries(KINDS))
    for (const [weights, quantization] of Object.entries(WEIGHTS))
      all.set(`${kind} over ${weights}`, { adapter, quantization });
  all.set("LoRA with dropout", { adapter: { ...LORA, dropout: 0.1 } });
  all.set("all weights", {});
  return all;
}

/**
 * Opens a training pass of every family's golden model in every way to train it on WebGPU, with no op left to the CPU.
 * Gives back how many can't be opened.
 */
export async function openOnWebGpu(parts: readonly string[], options: Opening): Promise<number> {
  const names = readdirSync(goldenPath("families")).filter(
    (name) => !parts.length || parts.some((part) => name.includes(part)),
  );
  let [opened, failed] = [0, 0];
  for (const name of names) {
    const start = performance.now();
    const faults: string[] = [];
    for (const [what, choice] of choices())
      await open(name, choice, options).then(
        () => opened++,
        (error: Error) => faults.push(`${what}: ${error.message.slice(0, 600)}`),
      );
    failed += faults.length;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log([`${faults.length ? "FAIL" : "ok  "} ${name}, ${seconds} s`, ...faults].join("\n     "));
  }
  console.log(`${opened} of ${opened + failed} open`);
  return failed;
}

async function open(name: string, choice: Choice, { cache, half }: Opening): Promise<void> {
  const directory = await openModelDirectory(goldenPath(`families/${name}`));
  const model = readModel(directory.config);
  const { quantization } = choice;
  const tensors = quantization
    ? await quantizeTensors(directory.tensors, modelLayout(model), quantization, { directory: cache })
    : directory.tensors;
  const recipe = parseRecipe({
    model: directory.path,
    data: [{ path: "none.jsonl" }],
    output: cache,
    ...choice,
  });
  const settled = { ...recipe, training: { ...recipe.training, learningRate: 1e-3 } };
  const base = { name, model, tensors, unquantized: directory.tensors };
  const { method } = await recipeMethod(settled as Parameters<typeof recipeMethod>[0], base);
  const session = { device: "webgpu", half } as const;
  const state = await deviceState(openSession, method.trainables, session);
  try {
    const engine = await openEngine(model, method, openSession, { rowLength: 128, session, state });
    await engine.release();
  } finally {
    await state.release();
  }
}
