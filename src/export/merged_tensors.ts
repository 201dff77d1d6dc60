import type { Adapter, TokenRows } from "../adapters/adapter.ts";
import type { Change, Product } from "../adapters/kinds/kind.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import { withStored } from "../adapters/stored_weights.ts";
import { copyOf, type Dtype, type TensorEntry, type TensorSource } from "../files/safetensors.ts";
import { moduleOf } from "../files/tensor_names.ts";
import { lower } from "../graph/onnx/lower.ts";
import { add, mul } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { input } from "../graph/sources.ts";
import type { Model } from "../models/family.ts";
import { modelLayout } from "../models/layout.ts";
import { isCoded, typeBefore } from "../quantization/quantized_entry.ts";
import { readWeight } from "../quantization/read_weight.ts";
import type { OpenSession, Session } from "../runtime/session.ts";
import { floats } from "../runtime/tensor_data.ts";
import { AttuneError } from "../text/errors.ts";

/** The base's tensors with the adapter's terms added, each computed when it is asked for. */
export interface MergedTensors {
  tensors: TensorSource[];
  release(): Promise<void>;
}

/**
 * What `adapter` makes of the base's weights, in float32, rounded once to the type of a weight in its file, or that it had
 * before it was quantized: quantized weights become what their codes stand for. The adapter's own parameters and rows
 * stand in the place of the base's, all other tensors as they are. An output layer that was tied gets a weight of its own
 * when the adapter changes one end and not the other alike: see `unties`.
 * @throws AttuneError when a weight to be merged is no float of 16 or 32 bits.
 */
export async function mergedTensors(
  tensors: ReadonlyMap<string, TensorEntry>,
  adapter: Adapter,
  model: Model,
  open: OpenSession,
): Promise<MergedTensors> {
  const { ends, tied } = model;
  const { linears, experts, transposed: turned } = modelLayout(model);
  const entries = new Map([...withStored(tensors, adapter.stored)].filter(([name]) => tensors.has(name)));
  const [embedding, head] = [`${ends.embedding}.weight`, `${ends.head}.weight`];
  if (tied && unties(adapter, ends)) entries.set(head, entries.get(embedding)!);
  const hasBias = (module: string) => entries.has(`${module}.bias`);
  const changes = new Map([
    ...Array.from(adapter.tokens ?? [], ([module, rows]) => [`${module}.weight`, withRows(rows)] as const),
    ...kindOf(adapter).merge(adapter, { linears, experts, transposed: turned, hasBias }),
  ]);
  for (const name of [...changes.keys(), ...(adapter.parameters?.keys() ?? [])])
    checkFloat(entries.get(name)!);
  const ofOthers = [...tensors.values()].find((entry) => !isCoded(entry) && isFloat(entry))?.dtype ?? "BF16";
  const session = await open(mergeGraph(), { device: "cpu" });
  const source = (name: string, entry: TensorEntry): TensorSource => {
    const isTurned = turned.has(moduleOf(name));
    const asItIs = {
      ...unquantized(entry, ofOthers, isTurned),
      ...inTypeOf(tensors.get(name), entry),
      name,
    };
    const change = changes.get(name);
    const own = adapter.parameters?.get(name);
    if (change)
      return {
        ...asItIs,
        data: async () => change(await readWeight(entry, isTurned), (...sum) => addProduct(session, ...sum)),
      };
    return own ? { ...asItIs, data: () => own.data } : asItIs;
  };
  return {
    tensors: Array.from(entries, ([name, entry]) => source(name, entry)),
    release: session.release,
  };
}

/** A weight that the adapter's file brings along is kept in the type of the base's. */
function inTypeOf(base: TensorEntry | undefined, entry: TensorEntry): Partial<TensorSource> {
  if (!base || isCoded(base) || isCoded(entry) || base.dtype === entry.dtype) return {};
  return { dtype: base.dtype, data: () => readWeight(entry) };
}

function unquantized(entry: TensorEntry, ofOthers: Dtype, isTurned: boolean): TensorSource {
  if (!isCoded(entry)) return copyOf(entry);
  const { name, shape } = entry;
  return {
    name,
    shape: isTurned ? shape.toReversed() : shape,
    dtype: typeBefore(entry, ofOthers),
    data: () => readWeight(entry, isTurned),
  };
}

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
  (weight) => {
    const width = data.length / indices.length;
    for (const [at, index] of indices.entries())
      weight.set(data.subarray(at * width, (at + 1) * width), index * width);
    return weight;
  };

/** In the order PEFT computes it. W [O, I], A [R, I], B [O, R]. */
function mergeGraph() {
  const product = matmul(input("B", ["O", "R"]), input("A", ["R", "I"]));
  return lower({ merged: add(input("W", ["O", "I"]), mul(product, input("scale", []))) });
}

async function addProduct(
  session: Session,
  W: Float32Array,
  { A, B, r, in: I, out: O }: Product,
  scale: number,
): Promise<Float32Array> {
  const { merged } = await session.run({
    W: floats(W, [O, I]),
    A: floats(A.slice(), [r, I]), // what is fed is lent
    B: floats(B.slice(), [O, r]),
    scale: floats(Float32Array.of(scale), []),
  });
  return merged!.data as Float32Array;
}

const isFloat = ({ dtype }: TensorEntry) => dtype === "F32" || dtype === "F16" || dtype === "BF16";

function checkFloat(entry: TensorEntry): void {
  if (isFloat(entry) || isCoded(entry)) return;
  const { file, name, dtype } = entry;
  throw new AttuneError({
    code: "export.unsupported-dtype",
    place: `${file}: ${name}`,
    expected: "F32, F16, BF16, or a weight that bitsandbytes, or MXFP4, keeps in codes",
    got: dtype,
  });
}
