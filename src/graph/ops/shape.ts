import {
  broadcast,
  type Dim,
  defineOp,
  frontAxis,
  requireSameType,
  type Shape,
  ShapeError,
  sameShape,
  show,
  type Tensor,
  type TensorType,
} from "../tensor.ts";
import { zerosLike } from "./zeros.ts";

type One = [x: Tensor];

const reshapeOp = defineOp<One, { shape: Shape }>({
  name: "reshape",
  infer([x], { shape }) {
    if (!sameSize(x.shape, shape))
      throw new ShapeError("reshape", `${show(x)} has not the size of [${shape}]`);
    return { dtype: x.dtype, shape };
  },
  lower: (w, [x], { shape }, [from]) => w.node("Reshape", [x, w.ints(onnxShape(from, shape))]),
  vjp: ([x], dy) => [reshape(dy, x.shape)],
});

/** `x` in another shape, itself when it already has it. Named dims must appear on both sides. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const before = x.op === reshapeOp.op ? x.inputs[0]! : undefined; // there and back, or on: one node less to run
  return before && staysNamed(before.shape, shape) ? reshape(before, shape) : reshapeOp(x, { shape });
}

/** Whether named dims stay where they are: then the runtime knows them by name, too. */
const staysNamed = (from: Shape, to: Shape) =>
  to.every((d, i) => typeof d === "number" || from[i] === d) && sameSize(from, to);

/** Drops `count` leading axes of size 1. */
export const squeezeFront = (x: Tensor, count: number): Tensor => reshape(x, x.shape.slice(count));

function sameSize(a: Shape, b: Shape): boolean {
  const key = (shape: Shape) => {
    const size = shape.reduce<number>((n, d) => (typeof d === "number" ? n * d : n), 1);
    return [size, ...shape.filter((d) => typeof d === "string").sort()].join();
  };
  return key(a) === key(b);
}

/** ONNX's spelling: 0 copies the dim at the same place of the input, one -1 is worked out. */
function onnxShape(from: TensorType, shape: Shape): number[] {
  const moved = shape.filter((d, i) => typeof d === "string" && from.shape[i] !== d);
  if (moved.length > 1)
    throw new ShapeError("reshape", `${show(from)} to [${shape}] moves more than one name`);
  return shape.map((d, i) => (typeof d === "number" ? d : from.shape[i] === d ? 0 : -1));
}

const transposeOp = defineOp<One, { perm: readonly number[] }>({
  name: "transpose",
  infer([x], { perm }) {
    if ([...perm].sort((a, b) => a - b).join() !== [...x.shape.keys()].join())
      throw new ShapeError("transpose", `${show(x)} by [${perm}]`);
    return { dtype: x.dtype, shape: perm.map((i) => x.shape[i]!) };
  },
  lower: (w, [x], { perm }) => w.node("Transpose", [x], { perm }),
  vjp: (_, dy, { perm }) => [transpose(dy, invert(perm))],
});

/** Axis `i` of the result is axis `perm[i]` of `x`. */
export const transpose = (x: Tensor, perm: readonly number[]): Tensor => transposeOp(x, { perm });

const invert = (perm: readonly number[]) => perm.map((_, i) => perm.indexOf(i));

type SliceAttributes = { axis: number; start: number; end: number };

const sliceOp = defineOp<One, SliceAttributes>({
  name: "slice",
  infer([x], { axis, start, end }) {
    const size = x.shape[axis]!;
    if (typeof size !== "number" || start < 0 || end > size || start >= end)
      throw new ShapeError("slice", `[${start}, ${end}) is not inside axis ${axis} of ${show(x)}`);
    return { dtype: x.dtype, shape: x.shape.with(axis, end - start) };
  },
  lower: (w, [x], { axis, start, end }) =>
    w.node("Slice", [x, w.ints([start]), w.ints([end]), w.ints([axis]), w.ints([1])]),
  vjp([x], dy, { axis, start, end }) {
    const size = x.shape[axis] as number;
    const before = start > 0 ? [zerosLike(x, axis, start)] : [];
    const after = end < size ? [zerosLike(x, axis, size - end)] : [];
    return [concat([...before, dy, ...after], axis)];
  },
});

/** Entries `start` to `end` (not included) of one axis. */
export const slice = (x: Tensor, axis: number, start: number, end: number): Tensor =>
  sliceOp(x, { axis: frontAxis("slice", x, axis), start, end });

const concatOp = defineOp<Tensor[], { axis: number; dim: Dim }>({
  name: "concat",
  infer: ([x], { axis, dim }) => ({ dtype: x!.dtype, shape: x!.shape.with(axis, dim) }),
  lower: (w, names, { axis }) => w.node("Concat", names, { axis }),
  vjp(parts, dy, { axis }) {
    let at = 0;
    return parts.map((part) => {
      const size = part.shape[axis];
      if (typeof size !== "number")
        throw new Error("concat along a size known only at run time has no gradient rule");
      at += size;
      return slice(dy, axis, at - size, at);
    });
  },
});

/** Joins `parts` along `axis`; `dim` names the joined size where a part's is known only at run time. */
export function concat(parts: readonly Tensor[], axis: number, dim?: Dim): Tensor {
  const front = frontAxis("concat", parts[0]!, axis);
  const sizes = parts.map((p) => p.shape[front]!);
  const known = sizes.every((d) => typeof d === "number");
  const joined = dim ?? (known ? (sizes as number[]).reduce((n, d) => n + d, 0) : undefined);
  if (joined === undefined)
    throw new ShapeError("concat", `name the joined size of ${parts.map(show).join(", ")}`);
  for (const p of parts) {
    requireSameType("concat", parts[0]!, p);
    if (!sameShape(p.shape.with(front, joined), parts[0]!.shape.with(front, joined)))
      throw new ShapeError("concat", `${parts.map(show).join(", ")} differ outside axis ${axis}`);
  }
  return concatOp(...parts, { axis: front, dim: joined });
}

const expandOp = defineOp<[x: Tensor, like: Tensor]>({
  name: "expand",
  infer([x, like]) {
    if (!sameShape(broadcast("expand", x, like), like.shape))
      throw new ShapeError("expand", `${show(x)} has more axes or sizes than ${show(like)}`);
    return { dtype: x.dtype, shape: like.shape };
  },
  lower(w, [x, like], _, [, type]) {
    const shape = type.shape as number[];
    const known = shape.every((d) => typeof d === "number");
    return w.node("Expand", [x, known ? w.ints(shape) : w.node("Shape", [like])]);
  },
  vjp: (_, dy) => [dy, null],
});

/** `x` broadcast to the shape of `like`. */
export const expandLike = (x: Tensor, like: Tensor): Tensor =>
  sameShape(x.shape, like.shape) ? x : expandOp(x, like);
