import {
  type Adapter,
  type Ia3Adapter,
  isLora,
  type LoraAdapter,
  type LoraWeights,
  type TokenRows,
} from "../adapters/adapter.ts";
import type { Ia3Weights } from "../adapters/ia3.ts";
import { scaleOf } from "../adapters/lora/lora_config.ts";
import { withStored } from "../adapters/stored_weights.ts";
import { copyOf, type Dtype, type TensorEntry, type TensorSource } from "../files/safetensors.ts";
import { moduleOf } from "../files/tensor_names.ts";
import { lower } from "../graph/lower.ts";
import { add, mul } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { input } from "../graph/sources.ts";
import { transposed } from "../math/transposed.ts";
import type { Model } from "../models/family.ts";
import { isQuantized } from "../quantization/quantized_entry.ts";
import { readWeight } from "../quantization/read_weight.ts";
import type { OpenSession, Session, TensorData } from "../runtime/session.ts";
import { AttuneError } from "../text/errors.ts";

/** The base's tensors with the adapter's terms added, each computed when it is asked for. */
export interface MergedTensors {
  tensors: TensorSource[];
  release(): Promise<void>;
}

/**
 * W + scale · B·A for every module of `adapter`, with DoRA times its gain, or W scaled by (IA)³'s vector, in float32, rounded once to the type of W in its
 * file, or that it had before it was quantized: quantized weights become what their codes stand for; the adapter's own parameters and rows in the place of the base's; all other tensors as they are. W of the
 * modules in `transposed`, and of embeddings, is kept as [in, out]. An output layer that was tied gets a weight of its
 * own when the adapter changes one end and not the other alike: see `unties`.
 * @throws AttuneError when a weight to be merged is no float of 16 or 32 bits.
 */
export async function mergedTensors(
  tensors: ReadonlyMap<string, TensorEntry>,
  adapter: LoraAdapter | Ia3Adapter,
  { transposed: turned, ends, tied }: { transposed: ReadonlySet<string> } & Pick<Model, "ends" | "tied">,
  open: OpenSession,
): Promise<MergedTensors> {
  const entries = new Map([...withStored(tensors, adapter.stored)].filter(([name]) => tensors.has(name)));
  const [embedding, head] = [`${ends.embedding}.weight`, `${ends.head}.weight`];
  if (tied && unties(adapter, ends)) entries.set(head, entries.get(embedding)!);
  const changes = new Map<string, Change>();
  for (const [name, { data }] of adapter.parameters ?? []) changes.set(name, async () => data);
  for (const [module, rows] of adapter.tokens ?? []) changes.set(`${module}.weight`, withRows(rows));
  const ofOthers =
    [...tensors.values()].find((entry) => !isQuantized(entry) && isFloat(entry))?.dtype ?? "BF16";
  const session = await open(mergeGraph(), { device: "cpu" });
  if (isLora(adapter))
    for (const [module, lora] of adapter.modules)
      changes.set(`${module}.weight`, withTerm(session, lora, adapter, module, turned.has(module)));
  else
    for (const [module, ia3] of adapter.modules)
      scaleModule(changes, module, ia3, turned.has(module), entries.has(`${module}.bias`));
  for (const name of changes.keys()) checkFloat(entries.get(name)!);
  return {
    tensors: [...entries].map(([name, entry]) => {
      const change = changes.get(name);
      const isTurned = turned.has(moduleOf(name));
      const source = {
        ...unquantized(entry, ofOthers, isTurned),
        ...inTypeOf(tensors.get(name), entry),
        name,
      };
      return change ? { ...source, data: () => change(entry) } : source;
    }),
    release: session.release,
  };
}

/** A weight that the adapter's file brings along is kept in the type of the base's. */
function inTypeOf(base: TensorEntry | undefined, entry: TensorEntry): Partial<TensorSource> {
  if (!base || isQuantized(base) || isQuantized(entry) || base.dtype === entry.dtype) return {};
  return { dtype: base.dtype, data: () => readWeight(entry) };
}

/** int8 doesn't tell what a weight was: then its type is that `ofOthers`. */
function unquantized(entry: TensorEntry, ofOthers: Dtype, isTurned: boolean): TensorSource {
  if (!isQuantized(entry)) return copyOf(entry);
  const { name, shape, parts } = entry;
  return {
    name,
    shape: isTurned ? shape.toReversed() : shape,
    dtype: parts.type === "int8" ? ofOthers : parts.dtype,
    data: () => readWeight(entry, isTurned),
  };
}

/** What becomes of a weight. */
type Change = (entry: TensorEntry) => Promise<Float32Array>;

/** Whether the two ends of a tied model differ under `adapter`: all but the embedding's rows, which a tied output layer shares. */
export function unties(
  { modules, parameters, tokens, follows }: Adapter,
  { embedding, head }: Model["ends"],
): boolean {
  if (follows) return false;
  if (tokens?.has(head)) return true;
  const isChanged = (module: string) => modules.has(module) || parameters?.has(`${module}.weight`) === true;
  return isChanged(embedding) || isChanged(head);
}

const withRows =
  ({ indices, data }: TokenRows): Change =>
  async (entry) => {
    const weight = await readWeight(entry);
    const width = data.length / indices.length;
    for (const [at, index] of indices.entries())
      weight.set(data.subarray(at * width, (at + 1) * width), index * width);
    return weight;
  };

function withTerm(
  session: Session,
  lora: LoraWeights,
  { config }: LoraAdapter,
  module: string,
  isKeptTurned: boolean,
): Change {
  const turned = isKeptTurned || lora.embedding === true;
  const scale = scaleOf(config, module, lora.r);
  return async (entry) => {
    const W = await readWeight(entry, isKeptTurned);
    const sum = await merge(session, W, turned ? transposedTerm(lora) : lora, scale);
    if (lora.magnitude) applyMagnitude(sum, lora.magnitude, turned);
    return sum;
  };
}

/** (IA)³: W's rows and the bias, or W's columns, times the vector. */
function scaleModule(
  changes: Map<string, Change>,
  module: string,
  { vector, feedforward }: Ia3Weights,
  isTurned: boolean,
  hasBias: boolean,
): void {
  const perColumn = feedforward !== isTurned;
  changes.set(`${module}.weight`, async (entry) => {
    const W = await readWeight(entry, isTurned);
    const columns = perColumn ? vector.length : W.length / vector.length;
    return W.map((value, at) => value * vector[perColumn ? at % columns : Math.floor(at / columns)]!);
  });
  if (feedforward || !hasBias) return;
  changes.set(`${module}.bias`, async (entry) =>
    (await readWeight(entry)).map((value, o) => value * vector[o]!),
  );
}

/** Scales each output's weights in W [out, in], or [in, out] when `turned`, to the norm that `magnitude` says. */
function applyMagnitude(W: Float32Array, magnitude: Float32Array, turned: boolean): void {
  const [out, inputs] = [magnitude.length, W.length / magnitude.length];
  const [ofOutput, ofInput] = turned ? [1, out] : [inputs, 1];
  for (let o = 0; o < out; o++) {
    let squares = 0;
    for (let i = 0; i < inputs; i++) squares += W[o * ofOutput + i * ofInput]! ** 2;
    const gain = magnitude[o]! / Math.sqrt(squares);
    for (let i = 0; i < inputs; i++) W[o * ofOutput + i * ofInput]! *= gain;
  }
}

/** The term whose product is (B·A)ᵀ = Aᵀ·Bᵀ. */
const transposedTerm = ({ A, B, r, in: inputs, out }: LoraWeights): LoraWeights => ({
  A: transposed(B, out, r),
  B: transposed(A, r, inputs),
  r,
  in: out,
  out: inputs,
});

/** In the order PEFT computes it. W [O, I], A [R, I], B [O, R]. */
function mergeGraph() {
  const product = matmul(input("B", ["O", "R"]), input("A", ["R", "I"]));
  return lower({ merged: add(input("W", ["O", "I"]), mul(product, input("scale", []))) });
}

async function merge(
  session: Session,
  W: Float32Array,
  { A, B, r, in: I, out: O }: LoraWeights,
  scale: number,
) {
  const float32 = (shape: number[], data: Float32Array): TensorData => ({ dtype: "float32", shape, data });
  const { merged } = await session.run({
    W: float32([O, I], W),
    A: float32([r, I], A.slice()), // what is fed is lent
    B: float32([O, r], B.slice()),
    scale: float32([], Float32Array.of(scale)),
  });
  return merged!.data as Float32Array;
}

const isFloat = ({ dtype }: TensorEntry) => dtype === "F32" || dtype === "F16" || dtype === "BF16";

function checkFloat(entry: TensorEntry): void {
  if (isFloat(entry) || isQuantized(entry)) return;
  const { file, name, dtype } = entry;
  throw new AttuneError(
    `${file}: ${name} is ${dtype}; an adapter is merged into F32, F16 or BF16, or into what bitsandbytes quantized.`,
  );
}
