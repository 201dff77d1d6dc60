import { OnnxWriter } from "../onnx/writer.ts";
import { isWeight } from "../sources.ts";
import {
  defineOp,
  requireFloat,
  ShapeError,
  sameShape,
  show,
  type Tensor,
  type TensorType,
} from "../tensor.ts";
import { cast } from "./elementwise.ts";
import { reshape } from "./shape.ts";

const gatherOp = defineOp<[table: Tensor, indices: Tensor]>({
  name: "gather",
  kept: "matrix",
  infer([table, indices]) {
    requireRows("gather", table, indices);
    return { dtype: table.dtype, shape: [...indices.shape, ...table.shape.slice(1)] };
  },
  lower: (w, names) => w.node("Gather", names, { axis: 0 }),
  vjp: ([table, indices], dy): [Tensor, null] => [scatterAdd(table, indices, dy), null],
});

/**
 * Rows of `table` [V, ...row] at `indices` [...] (int64 or int32): [...indices, ...row]. Of a weight that is widened, only the
 * rows are: an embedding of 150,000 tokens would otherwise be copied whole.
 */
export function gather(table: Tensor, indices: Tensor): Tensor {
  const stored = table.op.converts ? table.inputs[0]! : table;
  return isWeight(stored) ? cast(gatherOp(stored, indices), table.dtype) : gatherOp(table, indices);
}

/**
 * Zeros of the shape of `like` [V, ...row] plus `updates` [...indices, ...row] added at the rows `indices` (int64 or
 * int32), repeats summed: on the CPU in their order, so that every run gives the same bits; on WebGPU in any order.
 */
export const scatterAdd = (like: Tensor, indices: Tensor, updates: Tensor): Tensor =>
  scatterOp(like, indices, updates, placesOf(indices));

/** The indices [..., 1], as ONNX wants them. */
const placesOf = (indices: Tensor) => reshape(indices, [...indices.shape, 1]);

/** The same onto `onto` in place of zeros. */
export const scatterOnto = (onto: Tensor, indices: Tensor, updates: Tensor): Tensor =>
  scatterOntoOp(onto, indices, updates, placesOf(indices));

/** `sum` + `term`, where that is a scatterAdd: its rows are added to the sum, and zeros of its size aren't made. */
export const addScattered = (sum: Tensor, term: Tensor): Tensor | undefined => {
  const [, indices, updates] = term.inputs;
  const isOne = term.op === scatterOp.op && term.dtype === sum.dtype && sameShape(sum.shape, term.shape);
  return isOne ? scatterOnto(sum, indices!, updates!) : undefined;
};

/** Of a scatterOnto: what it adds onto, and how the same is added onto another sum. */
export const scatteredOver = (t: Tensor) => {
  const [base, indices, updates] = t.inputs;
  if (t.op !== scatterOntoOp.op) return undefined;
  return { base: base!, onto: (sum: Tensor) => scatterOnto(sum, indices!, updates!) };
};

type ScatterInputs = [onto: Tensor, indices: Tensor, updates: Tensor, places: Tensor];

const scatterOp = defineOp<ScatterInputs>({
  name: "scatterAdd",
  infer: ([like, indices, updates]) => scatteredType("scatterAdd", like, indices, updates),
  lower(w, [like, , updates, places], _, [type, indices], out) {
    const known = type.shape.every((d) => typeof d === "number");
    const shape = known ? w.ints(type.shape as number[]) : w.node("Shape", [like]);
    const zeros = w.node("Expand", [w.scalar(0, out.dtype), shape]);
    return scattered(w, [zeros, updates, places], type, indices);
  },
  vjp: ([, indices], dy): [null, null, Tensor, null] => [null, null, gather(dy, indices), null],
});

const scatterOntoOp = defineOp<ScatterInputs>({
  name: "scatterOnto",
  infer: ([onto, indices, updates]) => scatteredType("scatterOnto", onto, indices, updates),
  lower: (w, [onto, , updates, places], _, [type, indices]) =>
    scattered(w, [onto, updates, places], type, indices),
  vjp: ([, indices], dy): [Tensor, null, Tensor, null] => [dy, null, gather(dy, indices), null],
});

function scatteredType(op: string, like: TensorType, indices: TensorType, updates: TensorType): TensorType {
  requireRows(op, like, indices);
  requireFloat(op, updates);
  const row = like.shape.slice(1);
  if (!sameShape(updates.shape, [...indices.shape, ...row]))
    throw new ShapeError(op, `${show(updates)} at rows ${show(indices)} of ${show(like)}`);
  if (indices.shape.length !== 1 && row.some((d) => typeof d === "string"))
    throw new ShapeError(op, `indices ${show(indices)} of several axes at rows of ${show(like)}`);
  return { dtype: updates.dtype, shape: like.shape };
}

function scattered(
  w: OnnxWriter,
  [onto, updates, places]: [string, string, string],
  type: TensorType,
  indices: TensorType,
): string {
  if (w.dialect === "gpu") {
    const isWide = indices.dtype === "int64"; // as ScatterND wants them
    const at = isWide ? places : w.node("Cast", [places], { to: OnnxWriter.dataType("int64") });
    return w.node("ScatterND", [onto, at, updates], { reduction: "add" });
  }
  // ScatterND's threads race for the order of repeats; ScatterElements is one loop, and as fast at a head's size.
  const row = type.shape.slice(1) as number[];
  const flat = indices.shape.length === 1;
  const rows = flat ? updates : w.node("Reshape", [updates, w.ints([-1, ...row])]);
  const isColumn = flat && row.length === 1;
  const column = isColumn ? places : w.node("Reshape", [places, w.ints([-1, ...row.map(() => 1)])]);
  const everywhere = w.node("Expand", [column, w.node("Shape", [rows])]);
  return w.node("ScatterElements", [onto, everywhere, rows], { axis: 0, reduction: "add" });
}

/** The places of the rows of x [N, ...]: 0 to N - 1, int32 [N]. */
export const rowNumbers = defineOp<[x: Tensor]>({
  name: "rowNumbers",
  infer: ([x]) => ({ dtype: "int32", shape: [x.shape[0]!] }),
  lower(w, [x], _, [type]) {
    if (w.dialect === "gpu") return countedRows(w, x, type);
    const sizes = w.node("Cast", [w.node("Shape", [x], { start: 0, end: 1 })], {
      to: OnnxWriter.dataType("int32"),
    });
    const number = (value: number) => w.scalar(value, "int32");
    return w.node("Range", [number(0), w.node("Squeeze", [sizes]), number(1)]);
  },
  vjp: () => [null],
});

/** Without sizes as integers, which the CPU would compute: no number is less than itself, and ones are counted. */
function countedRows(w: OnnxWriter, x: string, { shape }: TensorType): string {
  const others = shape.slice(1).map((_, i) => i + 1);
  const at = (value: number) => w.ints(others.map(() => value));
  const column = others.length > 0 ? w.node("Slice", [x, at(0), at(1), w.ints(others)]) : x;
  const flat = w.node("Reshape", [column, w.ints([-1])]);
  const zeros = w.node("Cast", [w.node("Less", [flat, flat])], { to: OnnxWriter.dataType("float32") });
  const ones = w.node("Add", [zeros, w.scalar(1, "float32")]);
  const counted = w.node("CumSum", [ones, w.scalar(0, "int32")], { exclusive: 1 });
  return w.node("Cast", [counted], { to: OnnxWriter.dataType("int32") });
}

function requireRows(op: string, table: TensorType, indices: TensorType): void {
  if (indices.dtype !== "int64" && indices.dtype !== "int32")
    throw new ShapeError(op, `indices are ${show(indices)}, not int64 or int32`);
  if (!table.shape.length) throw new ShapeError(op, `${show(table)} has no rows`);
}
