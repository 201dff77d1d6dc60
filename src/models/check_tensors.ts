import { moduleOf } from "../files/tensor_names.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { AttuneError, type Fault } from "../text/errors.ts";
import { LLAMA } from "./decoder.ts";
import { familyOf, textKeys } from "./families.ts";
import type { Config, Model, Names } from "./family.ts";
import { type ModelLayout, walkModel } from "./layout.ts";

interface Found {
  readonly shape: readonly number[];
  readonly file: string;
}
type Tensors = ReadonlyMap<string, Found>;
type Problem = Omit<Fault, "code">;

const OUTER_SIZES = { vocabSize: "vocab_size", hiddenSize: "hidden_size", layers: "num_hidden_layers" };

/**
 * Compares the outer sizes of config.json with the files, before anything is built from them.
 * @throws AttuneError that names what doesn't fit.
 */
export function checkSizes(config: Config, tensors: Tensors, path: string): void {
  const family = familyOf(config.model_type);
  const { names = LLAMA, sizeKeys = OUTER_SIZES } = family;
  const said = textKeys(config, family);
  const at = family.textPart ? `${family.textPart.key}.` : "";
  const problems: Problem[] = [];
  const compare = (key: string, found: number, where: string) => {
    if (typeof said[key] !== "number" || said[key] === found) return;
    problems.push({ place: at + key, expected: `${found}, as ${where}`, got: String(said[key]) });
  };
  const name = `${names.root}.${names.embedding}.weight`;
  const embedding = tensors.get(name);
  if (embedding?.shape.length === 2) {
    const where = `${name} is [${embedding.shape.join(", ")}] in ${embedding.file}`;
    compare(sizeKeys.vocabSize, embedding.shape[0]!, where);
    compare(sizeKeys.hiddenSize, embedding.shape[1]!, where);
  }
  const own = [...tensors.keys()].filter((tensor) => !isBeside(tensor, names));
  const layers = countLayers(own, `${names.root}.${names.layers}.`);
  if (layers > 0) compare(sizeKeys.layers, layers, "the files hold so many layers");
  if (problems.length > 0) throw misfit(path, "config.json's sizes are not those of the weights", problems);
}

/** By the largest number behind `start`. */
function countLayers(names: Iterable<string>, start: string): number {
  let layers = 0;
  for (const name of names) {
    const index = name.startsWith(start) ? Number.parseInt(name.slice(start.length), 10) : Number.NaN;
    if (index >= layers) layers = index + 1;
  }
  return layers;
}

const MANY = 1000; // problems: of a damaged config.json, or of another model's

/** Refuses a checkpoint whose tensors are not the model's, naming those that differ. */
export function checkTensors(model: Model, tensors: Tensors, path: string): void {
  let misfits = 0;
  const { layout, isWhole } = walkModel(model, (name, shape) => {
    if (!mayFit(tensors.get(name), shape)) misfits++;
    return misfits < MANY;
  });
  const problems = [...layout.parameters].flatMap(([name, shape]) =>
    parameterProblems(name, shape, tensors.get(name), layout),
  );
  if (isWhole) problems.push(...foreignTensors(model, tensors, layout));
  if (problems.length === 0) return;
  throw misfit(path, "the tensors do not fit config.json", problems, prefixOf(layout, tensors));
}

/** What the files' names have in front of the family's, as a way out. */
function prefixOf({ parameters }: ModelLayout, tensors: Tensors): string | undefined {
  const [first] = parameters.keys();
  const found = [...tensors.keys()].find((name) => name.endsWith(`.${first}`));
  const prefix = found?.slice(0, -first!.length);
  return prefix && `Names in the files begin with "${prefix}": save the model without what is around it`;
}

const mayFit = (found: Found | undefined, shape: readonly number[]): boolean =>
  found !== undefined && [shape, shape.toReversed()].some((wanted) => found.shape.join() === wanted.join());

function parameterProblems(
  name: string,
  shape: readonly number[],
  found: Found | undefined,
  { transposed, buffers }: ModelLayout,
): Problem[] {
  if (!found) return buffers.has(name) ? [] : [{ place: name, problem: "is missing" }];
  // Codes lie over [out, in] where the checkpoint keeps weights as [in, out]: Conv1D, quantized.
  const isTurned = isQuantized(found) && transposed.has(moduleOf(name));
  const wanted = isTurned ? shape.toReversed() : shape;
  if (found.shape.join() === wanted.join()) return [];
  const got = `[${found.shape.join(", ")}] in ${found.file}`;
  return [{ place: name, expected: `[${wanted.join(", ")}], by config.json`, got }];
}

/** Tensors that files carry and nothing is computed from: buffers. */
const IGNORED =
  /(^|\.)rotary_emb\.inv_freq$|\.(self_attn|attn|attention)\.(masked_)?bias$|\.mlp\.act_fn\.(beta|eps)$/;

const isBeside = (name: string, { beside = [] }: Names) =>
  beside.some((module) => name.startsWith(`${module}.`));

/** A tied model's output layer is a copy of its embedding. */
function foreignTensors(model: Model, tensors: Tensors, { parameters }: ModelLayout): Problem[] {
  const copy = model.tied ? `${model.ends.head}.weight` : undefined;
  const names = familyOf(model.modelType).names ?? LLAMA;
  return [...tensors.keys()]
    .filter((name) => !parameters.has(name) && !IGNORED.test(name) && name !== copy && !isBeside(name, names))
    .filter((name) => !model.unread?.test(name))
    .map((name) => ({
      place: name,
      problem: `is not part of a ${model.modelType} model with this config.json`,
    }));
}

const CODE = "models.misfit";

const misfit = (path: string, problem: string, problems: Problem[], wayOut?: string): AttuneError =>
  new AttuneError({
    code: CODE,
    place: path,
    problem,
    wayOut,
    faults: problems.map((fault) => ({ ...fault, code: CODE })),
  });
