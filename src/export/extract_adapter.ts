import type { LoraAdapter, LoraWeights } from "../adapters/kinds/lora.ts";
import { readAdapterDirectory, writeAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { writeDirectoryAtomic } from "../files/atomic.ts";
import { moduleOf } from "../files/tensor_names.ts";
import { type Matrix, sumOfSquares, transposeMatrix } from "../math/matrix.ts";
import { truncatedSvd } from "../math/truncated_svd.ts";
import { readModel } from "../models/families.ts";
import { type ModelLayout, modelLayout } from "../models/layout.ts";
import type { ModelDirectory } from "../pretrained/model_directory.ts";
import { type OpenModel, openModel } from "../pretrained/open_model.ts";
import { readWeight } from "../quantization/read_weight.ts";
import { randomNormal } from "../random/random.ts";
import { AttuneError } from "../text/errors.ts";

export interface ExtractOptions {
  /** Directories: a model, what all-weights training made of it, and where the adapter goes, which must be free or empty. */
  base: string;
  tuned: string;
  output: string;
  /** Rank of the adapter. */
  r: number;
  /** What adapter_config.json calls the base; its directory when left out. */
  baseModel?: string;
  /** Of the random directions that large matrices are searched from; 0 when left out. */
  seed?: number;
  onProgress?: (module: string, done: number, total: number) => void;
}

export interface ExtractReport {
  /** Share of the difference's sum of squares that the adapter keeps: of all linear layers, and of each that differs. */
  kept: number;
  modules: { module: string; kept: number }[];
  /** What else differs, which no adapter on linear layers can hold: the change's size relative to the weight's own. */
  lost: { name: string; change: number }[];
}

/**
 * A LoRA adapter that makes of `base` what comes closest to `tuned`: of each linear layer the best approximation of the
 * difference that has rank `r` (Eckart & Young), its singular values split evenly over A and B. Both models are read one
 * weight at a time.
 * @throws AttuneError when the models are not of one shape, do not differ in any linear layer, or `r` is above a matrix.
 */
export async function extractAdapter(options: ExtractOptions): Promise<ExtractReport> {
  const tuned = await openModel(options.tuned);
  const base = untiedAs(tuned, await openModel(options.base));
  const layout = checkedLayout(base, tuned, options);
  let report: ExtractReport | undefined;
  await writeDirectoryAtomic(options.output, async (path) => {
    const { adapter, modules, energy, keptEnergy } = await extractAll(
      base.directory,
      tuned.directory,
      layout,
      options,
    );
    await writeAdapterDirectory(path, adapter);
    await readAdapterDirectory(path);
    const lost = await otherChanges(base.directory, tuned.directory, layout);
    report = { kept: keptEnergy / energy, modules, lost };
  });
  return report!;
}

/** A tied `base` with its output layer apart, where that of `tuned` is: the merge of a term on it unties a model. */
function untiedAs(tuned: OpenModel, base: OpenModel): OpenModel {
  const { tied, ends } = base.model;
  if (!tied || tuned.model.tied) return base;
  const config = { ...base.directory.config, tie_word_embeddings: false };
  const embedding = base.directory.tensors.get(`${ends.embedding}.weight`)!;
  const tensors = new Map([...base.directory.tensors, [`${ends.head}.weight`, embedding] as const]);
  return { directory: { ...base.directory, config, tensors }, model: readModel(config) };
}

function checkedLayout(
  { model }: OpenModel,
  { model: other }: OpenModel,
  options: ExtractOptions,
): ModelLayout {
  const { r } = options;
  if (model.modelType !== other.modelType)
    throw new AttuneError({
      code: "export.other-family",
      place: options.tuned,
      expected: `a ${model.modelType} model, as ${options.base} is`,
      got: `a ${other.modelType}`,
    });
  const layout = modelLayout(model);
  checkSameShapes(layout, modelLayout(other), options);
  if (!Number.isSafeInteger(r) || r < 1)
    throw new AttuneError({
      code: "export.wrong-rank",
      place: "r",
      expected: "an integer of at least 1",
      got: `${r}`,
    });
  const small = [...layout.linears].find(([, sizes]) => r > Math.min(sizes.in, sizes.out));
  if (small)
    throw new AttuneError({
      code: "export.wrong-rank",
      place: "r",
      problem: `${r} is above what the matrix allows: ${small[0]} is [${small[1].out}, ${small[1].in}]`,
    });
  return layout;
}

function checkSameShapes(a: ModelLayout, b: ModelLayout, { base, tuned }: ExtractOptions): void {
  for (const name of new Set([...a.parameters.keys(), ...b.parameters.keys()])) {
    const [first, second] = [a.parameters.get(name)?.join(", "), b.parameters.get(name)?.join(", ")];
    if (first !== second)
      throw new AttuneError({
        code: "export.other-shape",
        place: name,
        problem: `${base} has ${first ? `[${first}]` : "no such tensor"}, ${tuned} has ${second ? `[${second}]` : "no such tensor"}`,
        wayOut: "Give two models of one shape",
      });
  }
}

async function extractAll(
  base: ModelDirectory,
  tuned: ModelDirectory,
  { linears, transposed }: ModelLayout,
  { r, seed = 0, baseModel, base: path, onProgress }: ExtractOptions,
) {
  const terms = new Map<string, LoraWeights>();
  const modules: ExtractReport["modules"] = [];
  let [energy, keptEnergy] = [0, 0];
  for (const [module, { in: inputs, out }] of linears) {
    onProgress?.(module, terms.size, linears.size);
    const data = await difference(base, tuned, `${module}.weight`, transposed.has(module));
    const own = sumOfSquares(data);
    const change: Matrix = transposed.has(module)
      ? transposeMatrix({ rows: inputs, columns: out, data })
      : { rows: out, columns: inputs, data };
    const { weights, kept } = lowRank(change, r, own, (index) =>
      randomNormal(seed, `extract ${module}`, 0, index),
    );
    terms.set(module, weights);
    energy += own;
    keptEnergy += kept;
    if (own > 0) modules.push({ module, kept: kept / own });
  }
  if (energy === 0)
    throw new AttuneError({
      code: "export.no-difference",
      problem: "the two models don't differ in any linear layer",
    });
  const fanInFanOut = transposed.size > 0 && { fanInFanOut: true };
  const config = {
    type: "lora",
    r,
    alpha: r,
    dropout: 0,
    targetModules: "all-linear",
    ...fanInFanOut,
  } as const;
  const adapter: LoraAdapter = { config, baseModel: baseModel ?? path, modules: terms };
  return { adapter, modules, energy, keptEnergy };
}

/** @throws AttuneError when it is not a number somewhere. */
async function difference(
  base: ModelDirectory,
  tuned: ModelDirectory,
  name: string,
  isTurned = false,
): Promise<Float32Array> {
  const [from, to] = [base.tensors.get(name)!, tuned.tensors.get(name)!];
  const [before, after] = [await readWeight(from, isTurned), await readWeight(to, isTurned)];
  for (let i = 0; i < after.length; i++) after[i]! -= before[i]!;
  if (!Number.isFinite(sumOfSquares(after)))
    throw new AttuneError({
      code: "export.not-finite",
      place: `${from.file} or ${to.file}: ${name}`,
      problem: "a value is not a finite number",
    });
  return after;
}

function lowRank(change: Matrix, r: number, energy: number, normal: (index: number) => number) {
  const { rows: out, columns: inputs } = change;
  const [A, B] = [new Float32Array(r * inputs), new Float32Array(out * r)];
  const weights: LoraWeights = { A, B, r, in: inputs, out };
  if (energy === 0) return { weights, kept: 0 };
  const { U, S, V } = truncatedSvd(change, r, normal);
  for (let k = 0; k < r; k++) {
    const root = Math.sqrt(S[k]!);
    for (let i = 0; i < inputs; i++) A[k * inputs + i] = root * V.data[i * r + k]!;
    for (let o = 0; o < out; o++) B[o * r + k] = root * U.data[o * r + k]!;
  }
  return { weights, kept: Math.min(energy, sumOfSquares(S)) };
}

async function otherChanges(
  base: ModelDirectory,
  tuned: ModelDirectory,
  { linears, parameters }: ModelLayout,
) {
  const lost: ExtractReport["lost"] = [];
  for (const name of parameters.keys()) {
    if (linears.has(moduleOf(name))) continue;
    const change = Math.sqrt(sumOfSquares(await difference(base, tuned, name)));
    if (change === 0) continue;
    const size = Math.sqrt(sumOfSquares(await readWeight(base.tensors.get(name)!)));
    lost.push({ name, change: change / size });
  }
  return lost;
}
