import { histogram } from "../../data/inspect/histogram.ts";
import type { PreparationReport } from "../../data/tokenize/preparation_report.ts";
import { sizeOf } from "../../graph/tensor.ts";
import { modelOutline } from "../../hub/model_outline.ts";
import type { HubOptions } from "../../hub/options.ts";
import { modelLayout } from "../../models/layout.ts";
import { type Base, openBase } from "../../pretrained/base.ts";
import { quantizedBase } from "../../pretrained/quantized_base.ts";
import { type Device, keepsTensors } from "../../runtime/session.ts";
import { type ComparedSetting, comparedSettings } from "../../training/advice/compare_settings.ts";
import type { AdviceFacts } from "../../training/advice/facts.ts";
import { type AdviceWarning, warningsOf } from "../../training/advice/warnings.ts";
import { checkComputeDevice } from "../../training/compute_device.ts";
import { INT8_COST } from "../../training/int8_products.ts";
import { lanesFor } from "../../training/lanes.ts";
import { type LearningRate, settleLearningRate } from "../../training/learning_rate.ts";
import { FLOAT16_COST } from "../../training/loss_scale.ts";
import { parseRecipe, type Recipe, type RecipeInput, type SettledRecipe } from "../../training/recipe.ts";
import { checkMethod } from "../choose_method.ts";
import { trainedIn } from "../learning_rate.ts";
import { prepareData, type RunData } from "../prepare_data.ts";
import { type Alternative, alternatives } from "./alternatives.ts";
import { type DiskParts, linearWeights, plannedDisk, sumOfDisk } from "./disk.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { measurePasses } from "./measure_passes.ts";
import type { MeasuredRun } from "./measurement.ts";
import { type MemoryParts, plannedMemory, totalOf } from "./memory.ts";
import { forwardCost, trainingCost } from "./pass_cost.ts";
import { plannedMethod, withPlannedWeights } from "./planned_method.ts";
import { sumOfTime, type TimeParts } from "./time.ts";
import { timeParts } from "./time_parts.ts";
import { chosenPasses, planWork, type Work } from "./work.ts";

/** What a recipe will take, before it runs. */
export interface Estimate {
  /** Most memory of the process, weights that are mapped from their files included. */
  peakMemoryBytes: number;
  /** The same by parts, from the graph alone. */
  memory: MemoryParts;
  /** Of the whole run, and of a step. */
  seconds: number;
  secondsPerStep: number;
  time: TimeParts;
  steps: number;
  /** Of all steps: the examples' tokens, those that the model computes, and labels. */
  tokens: number;
  computedTokens: number;
  supervisedTokens: number;
  /** What lies on the disk afterwards. */
  diskBytes: number;
  disk: DiskParts;
  /** Whether passes were run for time and memory; otherwise both are rough. */
  measured: boolean;
  machine: Machine;
  fits: boolean;
  /** Recipes that take less memory. */
  alternatives: Alternative[];
  /** What is known to work for such data, beside what the recipe says. */
  settings: ComparedSetting[];
  /** What of the recipe is known to fail. */
  warnings: AdviceWarning[];
  examples: number;
  evaluationExamples: number;
  trainedParameters: number;
  parameters: number;
  learningRate: LearningRate;
  data: PreparationReport;
  /** What the model's weights take to download first. */
  download?: { files: number; bytes: number };
  /** What was odd, and what is not counted. */
  notes: string[];
}

export interface EstimateOptions {
  device?: Device;
  threads?: number;
  /** Whether passes are run; true when left out. */
  measure?: boolean;
  /** Seconds that passes may take beyond the first three. */
  budget?: number;
  hub?: HubOptions;
  signal?: AbortSignal;
  /** Progress callback. */
  onProgress?: (what: string) => void;
}

const BUDGET = 12; // seconds

/**
 * What running a recipe will take. The data is read and tokenized as the run will (which then finds it done), a few passes
 * are run in another process, and nothing is written into the run's directory.
 * @throws AttuneError where the run would.
 */
export async function estimate(input: RecipeInput, options: EstimateOptions = {}): Promise<Estimate> {
  const notes: string[] = [];
  const opened = await openPlan(parseRecipe(input), options, notes);
  try {
    return await estimateOpened(opened, options, notes);
  } finally {
    opened.data.close();
  }
}

/** A recipe with all that its figures follow from. */
export interface OpenedPlan {
  recipe: SettledRecipe;
  learningRate: LearningRate;
  base: Base;
  /** Where the model is; another name than the recipe's where that is a hub's. */
  data: RunData;
  now: Date;
  download?: Estimate["download"];
}

async function openPlan(given: Recipe, options: EstimateOptions, notes: string[]): Promise<OpenedPlan> {
  const { signal, onProgress, device = "cpu" } = options;
  checkComputeDevice(given, device);
  const warn = (text: string) => void (notes.includes(text) || notes.push(text));
  const hub: HubOptions = { onWarning: warn, signal, ...options.hub };
  const { directory, download } = await modelOutline(given.model, hub);
  const isFresh = given.stage === "pretrain" && !given.adapter;
  const found = await openBase(directory, { weights: isFresh || download ? "optional" : "required", hub });
  const unquantized = download && found.directory.tensors.size === 0 ? withPlannedWeights(found) : found;
  await checkMethod(given, unquantized, warn);
  const { recipe, learningRate } = await settleLearningRate(given, () => trainedIn(given, unquantized));
  onProgress?.("reading the data");
  const onWeight = (done: number, total: number) => onProgress?.(`quantizing: ${done} of ${total} weights`);
  const base = download ? unquantized : await quantizedBase(unquantized, recipe, { warn, onWeight });
  const now = new Date();
  const progress = (rows: number) => onProgress?.(`${rows} rows tokenized`);
  const data = await prepareData(recipe, base, { now, hub, signal, strict: "unusable", progress, warn });
  return { recipe, learningRate, base, data, now, download };
}

async function estimateOpened(
  opened: OpenedPlan,
  options: EstimateOptions,
  notes: string[],
): Promise<Estimate> {
  const { recipe, learningRate, base, data, download } = opened;
  const { device = "cpu" } = options;
  options.onProgress?.("laying out the steps");
  const work = planWork(opened);
  const planned = await plannedMethod(recipe, base);
  const memoryPlan = {
    model: base.model,
    method: planned.method,
    largest: work.largest,
    gradientCheckpointing: recipe.training.gradientCheckpointing,
    passes: work.plan.most,
    forward: work.forward,
    device,
    half: recipe.compute === "float16",
  };
  const memory = plannedMemory(memoryPlan);
  const machine = await thisMachine();
  const { threads = machine.cores } = options;
  const measured = await measuredWork(opened, work, { ...options, peak: totalOf(memory), machine }, notes);
  const missing = measured && work.plan.most > 1 ? 4 * trainedNumbers(planned.method) : 0; // sums over passes
  const peakMemoryBytes = measured ? measured.peakMemoryBytes + BEYOND + missing : totalOf(memory);
  const disk = await diskOf(opened, work, planned);
  const trainsWeights = !recipe.adapter;
  const recomputes = recipe.training.gradientCheckpointing === true;
  const inIntegers = recipe.compute === "int8";
  const costs = {
    training: trainingCost(base.model, { trainsWeights, recomputes, inIntegers }),
    forward: forwardCost(base.model, { inIntegers }),
  };
  const time = timeParts(work, costs, {
    measured,
    cores: threads,
    lanes: lanesFor(base.model, recipe.training.batchSize, { device, threads }),
    recipe,
    planned,
    disk,
  });
  if (inIntegers) notes.push(`compute int8 rounds products to 8 bits: ${INT8_COST}`);
  if (recipe.compute === "float16")
    notes.push(`compute float16 rounds linear layers to 11 bits: ${FLOAT16_COST}`);
  if (keepsTensors(device))
    notes.push(
      "weights, values and what is trained lie in the GPU's memory; whether they fit is asked of this machine's",
    );
  if (inIntegers && download)
    notes.push("memory counts the weights as their files have them: int8 needs less");
  if (recipe.evaluation?.generate)
    notes.push("answers of evaluation.generate take time and memory that isn't counted here");
  const facts = factsOf(recipe, base, data);
  return {
    peakMemoryBytes,
    memory,
    seconds: sumOfTime(time),
    secondsPerStep: time.steps / work.steps,
    time,
    steps: work.steps,
    tokens: work.plan.tokens,
    computedTokens: work.plan.computedTokens,
    supervisedTokens: work.plan.supervisedTokens,
    diskBytes: sumOfDisk(disk),
    disk,
    measured: measured !== undefined,
    machine,
    fits: peakMemoryBytes <= machine.availableBytes,
    alternatives: await alternatives(
      { ...opened, work, memoryPlan, costs },
      { peakMemoryBytes, planned: totalOf(memory), secondsPerStep: time.steps / work.steps },
    ),
    settings: comparedSettings(recipe, facts),
    warnings: warningsOf(recipe, facts),
    examples: data.train.length / data.branches,
    evaluationExamples: data.evaluation.length / data.branches,
    trainedParameters: trainedNumbers(planned.method),
    parameters: [...modelLayout(base.model).parameters.values()].reduce(
      (sum, shape) => sum + sizeOf(shape),
      0,
    ),
    learningRate,
    data: data.report,
    ...(download && { download }),
    notes,
  };
}

/** What advice depends on. Lengths are of what is trained: of rows that were cut nobody knows them any more. */
function factsOf(
  { stage, objective, adapter }: Recipe,
  base: Base,
  { train, branches, report }: RunData,
): AdviceFacts {
  const lengths = Uint32Array.from({ length: train.length }, (_, i) => train.tokensOf(i));
  const { p95, most } = histogram(lengths);
  const weights = base.directory.tensors.size > 0 ? "weights" : "random weights";
  return {
    stage,
    objective: objective.type,
    trains: adapter ? "adapter" : weights,
    examples: train.length / branches,
    truncated: stage === "pretrain" ? 0 : report.truncated - report.withoutLabel,
    ...(report.truncated === 0 && { lengths: { p95, longest: most } }),
  };
}

/** What a whole run has beyond its first passes, as measured: garbage, checkpoints, the report, the command line. */
const BEYOND = 22e6;

const trainedNumbers = ({ trainables }: { trainables: readonly { shape: readonly number[] }[] }): number =>
  trainables.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

type MeasuringOptions = EstimateOptions & { peak: number; machine: Machine };

/** Runs some passes, unless they aren't wanted or can't be. */
async function measuredWork(
  { recipe, data, now, download }: OpenedPlan,
  { plan, largest }: Work,
  {
    measure: isWanted = true,
    budget = BUDGET,
    peak,
    machine,
    device = "cpu",
    threads,
    signal,
    onProgress,
  }: MeasuringOptions,
  notes: string[],
): Promise<MeasuredRun | undefined> {
  if (!isWanted) return undefined;
  if (download) notes.push("nothing was measured: the model isn't downloaded yet");
  else if (peak > machine.memoryBytes)
    notes.push("nothing was measured: this machine has less memory than it takes");
  else if (recipe.data.some(({ rows }) => rows && !Array.isArray(rows)))
    notes.push("nothing was measured: the data's rows can be read but once");
  else {
    onProgress?.("running some passes");
    const evaluation = Array.from({ length: Math.min(HELD, data.evaluation.length) }, (_, i) => i);
    const passes = chosenPasses(plan, largest).map(({ sequences }) => sequences);
    const measured = await measurePasses(
      { recipe, device, threads, now, passes, evaluation, budget },
      signal,
    );
    if (!measured) notes.push("the measurement was ended by the system, which does so when memory runs out");
    return measured;
  }
  return undefined;
}

const HELD = 8; // sequences
async function diskOf(
  { recipe, base, data, download }: OpenedPlan,
  { steps, held, reference }: Work,
  planned: Awaited<ReturnType<typeof plannedMethod>>,
): Promise<DiskParts> {
  const { type } = recipe.quantization ?? {};
  return plannedDisk(base, planned, {
    steps,
    saveEvery: recipe.training.saveEvery,
    hasBest: held.length > 0,
    sequences: data.train.length + data.evaluation.length,
    tokens: data.report.tokens,
    usesReference: reference.length > 0,
    ...(type && { quantized: { linears: linearWeights(base), bits: type === "int8" ? 8 : 4 } }),
    download: download?.bytes ?? 0,
  });
}
