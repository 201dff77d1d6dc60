import { cast } from "../ops/elementwise.ts";
import { constant, isInput, isWeight } from "../sources.ts";
import { apply, COMPUTE_TYPE, type DType, type Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";

type Outputs = Readonly<Record<string, Tensor>>;

/** A graph in mixed precision, and the frozen weights that it reads in float16. */
export interface HalfGraph {
  graph: Record<string, Tensor>;
  halved: ReadonlySet<Tensor>;
}

/**
 * The graph of `outputs` with its linear layers in float16 (Micikevicius et al. 2017, https://arxiv.org/abs/1710.03740): products
 * of which one factor is weights. What moves numbers, or adds and multiplies entry by entry, takes the type of its inputs, float32
 * where they differ. All else stays float32: norms, softmax, attention, rotation, the loss, embeddings and with them what
 * the layers add to, and sums over tokens, so that the gradients of what is trained are float32, too. Outputs keep their types.
 */
export function inHalf(outputs: Outputs): HalfGraph {
  const order = reachable(Object.values(outputs));
  const halved = weightsInHalf(order);
  const typed = casts();
  const changed = new Map<Tensor, Tensor>();
  for (const t of order) {
    const inputs = t.inputs.map((x) => changed.get(x)!);
    changed.set(t, halved.has(t) ? cast(t, "float16") : retyped(t, inputs, { typed, halved }));
  }
  const graph = Object.entries(outputs).map(([name, t]) => [name, typed(changed.get(t)!, t.dtype)]);
  return { graph: Object.fromEntries(graph), halved };
}

/** Matrices that a product in float16, or a look-up, reads. */
function weightsInHalf(order: readonly Tensor[]): Set<Tensor> {
  const read = order.flatMap((t) => (isHalfProduct(t) ? t.inputs : isLookUp(t) ? [t.inputs[0]!] : []));
  return new Set(read.map(sourceOf).filter((t) => isWeight(t) && isFloat(t) && t.shape.length > 1));
}

/** One factor is weights: attention's products are not, nor a gradient's by weights, which sums over tokens. */
function isHalfProduct({ op, inputs }: Tensor): boolean {
  if (op.name !== "matmul" && op.name !== "groupedMatmul") return false;
  const [isFirst, isLast] = [inputs[0]!, inputs.at(-1)!].map((t) => isOfWeights(sourceOf(t)));
  return isFirst !== isLast;
}

const isLookUp = ({ op, inputs }: Tensor) => op.name === "gather" && isWeight(inputs[0]!);

const isOfWeights = (t: Tensor): boolean =>
  isFloat(t) && (isWeight(t) || t.op.decodes === true || (isInput(t) && isMatrix(t)));

const isMatrix = ({ shape }: Tensor) => shape.length > 1 && shape.every((d) => typeof d === "number");

const TURNS = ["reshape", "transpose", "slice", "stackedMatrices"];

/**
 * What a value is a part or a turn of. An output layer that is kept is none: the gradient multiplies it by probabilities, and float16
 * rounds small ones to zero.
 */
const sourceOf = (t: Tensor): Tensor =>
  t.op.converts || TURNS.includes(t.op.name) ? sourceOf(t.inputs[0]!) : t;

/** Ops, by name, that are as good in float16 as what they are given. */
export const FOLLOWING: readonly string[] = [
  ...TURNS,
  ...["keep", "detach", "concat", "expand", "zeros", "shiftRows", "toPlaces", "fromPlaces"],
  ...["add", "sub", "mul", "neg", "where", "sigmoid", "silu"],
];

interface Retyping {
  typed: Typed;
  halved: ReadonlySet<Tensor>;
}

function retyped(t: Tensor, inputs: readonly Tensor[], { typed, halved }: Retyping): Tensor {
  /** Weights that aren't halved, and codes, are widened by ops of their own. */
  const isComputed = (x: Tensor) =>
    x.dtype === COMPUTE_TYPE || (x.dtype === "float16" && (!isWeight(x) || halved.has(x)));
  const isWidening = t.op.converts === true && t.dtype === COMPUTE_TYPE;
  if (isWidening && isComputed(inputs[0]!)) return inputs[0]!;
  if (isLookUp(t)) return typed(apply(t.op, inputs, t.attributes), COMPUTE_TYPE);
  const wanted = typeFor(t, inputs.filter(isComputed));
  const fitted = inputs.map((x) => (isComputed(x) ? typed(x, wanted) : x));
  return fitted.every((x, i) => x === t.inputs[i]) ? t : apply(t.op, fitted, t.attributes);
}

function typeFor(t: Tensor, inputs: readonly Tensor[]): DType {
  if (isHalfProduct(t)) return "float16";
  const isSquare = t.op.name === "mul" && inputs[0] === inputs[1]; // of 256 float16 has none
  if (!FOLLOWING.includes(t.op.name) || isSquare) return COMPUTE_TYPE;
  const own = inputs.filter((x) => !isConstant(x));
  return own.length > 0 && own.every(({ dtype }) => dtype === "float16") ? "float16" : COMPUTE_TYPE;
}

const isFloat = ({ dtype }: Tensor) => dtype.includes("float");
const isConstant = ({ op }: Tensor) => op.name === "constant";

type Typed = (t: Tensor, dtype: DType) => Tensor;

/** Gives values in another type, each made once. */
function casts(): Typed {
  const known = new Map<Tensor, Tensor>();
  return (t, dtype) => {
    if (t.dtype === dtype) return t;
    const made = known.get(t) ?? converted(t, dtype);
    known.set(t, made);
    return made;
  };
}

function converted(t: Tensor, dtype: DType): Tensor {
  if (!isConstant(t)) return cast(t, dtype);
  const { values, shape } = t.attributes as { values: readonly number[]; shape: Tensor["shape"] };
  return constant(values, shape, dtype);
}
