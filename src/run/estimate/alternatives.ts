import { sizeOf } from "../../graph/tensor.ts";
import { modelLayout, weightsOf } from "../../models/layout.ts";
import { MODELS } from "../../training/advice/models.ts";
import { parseRecipe, storedRecipe } from "../../training/recipe.ts";
import { linearWeights } from "./disk.ts";
import type { OpenedPlan } from "./estimate.ts";
import { type MemoryPlan, PROGRAM, plannedMemory, totalOf } from "./memory.ts";
import type { PassCost, PassSize } from "./pass_cost.ts";
import { plannedMethod } from "./planned_method.ts";
import type { Work } from "./work.ts";

/** A change of the recipe that takes less memory. */
export interface Alternative {
  /** What to set, by the recipe's keys; undefined leaves a key out. */
  set: Record<string, unknown>;
  /** What it costs, in words. */
  note: string;
  peakMemoryBytes: number;
  secondsPerStep: number;
}

export interface AlternativesContext extends OpenedPlan {
  work: Work;
  memoryPlan: MemoryPlan;
  costs: { training: PassCost };
}

interface Known {
  peakMemoryBytes: number;
  /** The same by the graph alone: what is measured differs by a factor, which holds for the others, too. */
  planned: number;
  secondsPerStep: number;
}

/** Changes that take less memory, each with its figures: by itself, and the first ones together. */
export async function alternatives(context: AlternativesContext, known: Known): Promise<Alternative[]> {
  const factor = known.peakMemoryBytes / known.planned;
  const single = [
    checkpointing(context),
    shorter(context),
    fourBits(context),
    await adapterOnly(context),
  ].filter((change) => change !== undefined);
  const together = single.length > 1 ? [joined(single)] : [];
  const figures = await Promise.all(
    [...single, ...together].map(async ({ set, note, plan, time, codes }) => {
      const parts = plannedMemory({ ...context.memoryPlan, ...plan });
      const weights = codes ? fourBitWeights(context, parts.weights) : parts.weights;
      const peakMemoryBytes = Math.round(factor * totalOf({ ...parts, weights }));
      return { set, note, peakMemoryBytes, secondsPerStep: known.secondsPerStep * time };
    }),
  );
  const less = figures.filter(({ peakMemoryBytes }) => peakMemoryBytes < LESS * known.peakMemoryBytes);
  return [...less, ...smallerModels(context, known)];
}

/** Of today's memory; what saves hardly anything isn't worth its price. */
const LESS = 0.95;

interface Change {
  set: Record<string, unknown>;
  note: string;
  plan: Partial<MemoryPlan>;
  /** What a step's time is multiplied by. */
  time: number;
  /** Linear layers are kept in 4 bits. */
  codes?: boolean;
}

function joined(changes: readonly Change[]): Change {
  return {
    set: Object.assign({}, ...changes.map(({ set }) => set)),
    note: "all of these together",
    plan: Object.assign({}, ...changes.map(({ plan }) => plan)),
    time: changes.reduce((product, { time }) => product * time, 1),
    codes: changes.some(({ codes }) => codes),
  };
}

function checkpointing({ recipe }: AlternativesContext): Change | undefined {
  if (recipe.training.gradientCheckpointing) return undefined;
  return {
    set: { "training.gradientCheckpointing": true },
    note: "the same result to the bit, a fifth more time",
    plan: { gradientCheckpointing: true },
    time: 1.2,
  };
}

const LENGTHS = [1024, 512]; // tokens; shorter ones are computed side by side, in rows of 512

function shorter({ work, costs, recipe }: AlternativesContext): Change | undefined {
  const length = LENGTHS.find((length) => length < work.largest.T && length < recipe.training.maxLength);
  if (length === undefined) return undefined;
  const cut = (size: PassSize): PassSize => {
    const share = Math.min(1, length / size.T);
    return { T: Math.round(size.T * share), S: Math.round(size.S * share) };
  };
  const cost = (of: (size: PassSize) => PassSize) =>
    work.plan.passes.reduce((sum, pass) => sum + costs.training(of(pass)), 0);
  return {
    set: { "training.maxLength": length },
    note: "longer rows lose their end",
    plan: { largest: cut(work.largest), forward: work.forward.map(cut) },
    time: cost(cut) / cost((size) => size),
  };
}

function fourBits({ recipe, base }: AlternativesContext): Change | undefined {
  const isPlain =
    !recipe.quantization &&
    recipe.compute !== "int8" &&
    base.unquantized === undefined &&
    !base.directory.config.quantization_config;
  if (!recipe.adapter || !isPlain) return undefined;
  return {
    set: { quantization: { type: "nf4", doubleQuant: true } },
    note: "QLoRA: linear layers in 4 bits, a little less exact, an eighth more time",
    plan: {},
    time: 1.13,
    codes: true,
  };
}

const CODE_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256); // a weight in NF4 with double quantization

function fourBitWeights(context: AlternativesContext, bytes: number): number {
  const { base, memoryPlan } = context;
  const { linears, experts } = modelLayout(base.model);
  const names = [...linears.keys(), ...experts.keys()].flatMap((module) => weightsOf(module, base.model));
  const files = names.reduce((sum, name) => sum + (base.directory.tensors.get(name)?.byteLength ?? 0), 0);
  return bytes - (1 + memoryPlan.forward.length) * (files - CODE_BYTES * linearWeights(base));
}

const LORA = { type: "lora", r: 16, alpha: 32, targetModules: "all-linear" };

/** A LoRA adapter in place of all weights. */
async function adapterOnly({ recipe, base, memoryPlan }: AlternativesContext): Promise<Change | undefined> {
  if (recipe.adapter || base.directory.tensors.size === 0) return undefined;
  const adapted = parseRecipe({
    ...storedRecipe(recipe),
    trainableLayers: undefined,
    adapter: LORA,
  } as never);
  const { method } = await plannedMethod(
    { ...adapted, training: { ...adapted.training, learningRate: 2e-4 } },
    base,
  );
  return {
    set: { adapter: LORA, "training.learningRate": 2e-4 },
    note: "LoRA: an adapter is trained, the model's own weights stay",
    plan: { ...memoryPlan, method },
    time: 2 / 3,
  };
}

/** By the number of parameters alone: rough, but enough to choose by. */
function smallerModels({ base }: AlternativesContext, known: Known): Alternative[] {
  const own = sizesOf(base);
  return MODELS.filter(({ parameters }) => parameters < SMALLER * own).map(
    ({ name, parameters, licence }) => ({
      set: { model: name },
      note: `a smaller model (${licence})`,
      peakMemoryBytes: Math.round(PROGRAM + (parameters / own) * (known.peakMemoryBytes - PROGRAM)),
      secondsPerStep: (parameters / own) * known.secondsPerStep,
    }),
  );
}

const SMALLER = 0.8;

const sizesOf = (base: OpenedPlan["base"]) =>
  [...modelLayout(base.model).parameters.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
