import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { difference } from "../../testing/difference.ts";
import { evaluate } from "../../testing/evaluate.ts";
import { readGoldenMap } from "../../testing/goldens.ts";
import { opCases } from "../../testing/op_cases.ts";
import { opGraph } from "../../testing/op_graph.ts";
import { constant, input } from "../sources.ts";
import { apply, defineOp, type RowWise, sameShape, type Tensor } from "../tensor.ts";
import { gather } from "./indexing.ts";

const golden = await readGoldenMap(fileURLToPath(new URL("../goldens/ops.safetensors", import.meta.url)));

/** Every op's value, of rows too few to have been made for this. */
const values = Object.entries(opGraph(opCases(), golden, "float32")).filter(([key]) => key.endsWith("/y"));

/** The inputs of a matrix, those with rows by themselves; undefined where one has rows in another place. */
function rowsOf(y: Tensor, rowWise: RowWise, take: (t: Tensor) => Tensor): Tensor[] | undefined {
  const hasRows = (t: Tensor) => t.shape.length === 2 && t.shape[0] === y.shape[0];
  const isWhole = (t: Tensor) => t.shape.length < 2 || t.shape[0] === 1;
  if (y.shape.length !== 2 || !hasRows(y.inputs[0]!)) return undefined;
  if (rowWise === "first input") return y.inputs.map((t, i) => (i === 0 ? take(t) : t));
  return y.inputs.every((t) => hasRows(t) || isWhole(t))
    ? y.inputs.map((t) => (hasRows(t) ? take(t) : t))
    : undefined;
}

test("an op that says it is row-wise makes rows from the same rows", async () => {
  const indices = constant([2, 0, 0], [3], "int64");
  const take = (t: Tensor) => gather(t, indices);
  const [whole, alone]: Record<string, Tensor>[] = [{}, {}];
  const checked = new Set<string>();
  for (const [key, y] of values) {
    const rowWise = y.op.rowWise?.(y.attributes);
    const inputs = rowWise && rowsOf(y, rowWise, take);
    if (!inputs || !rows(y)) continue;
    whole![key] = take(y);
    alone![key] = apply(y.op, inputs, y.attributes);
    checked.add(y.op.name);
  }
  const feeds = Object.fromEntries(golden);
  const [found, expected] = [await evaluate(alone!, feeds), await evaluate(whole!, feeds)];
  // Kernels round the last of a few values by another instruction: measured 7e-8.
  for (const key of Object.keys(expected))
    expect(difference(found[key]!, expected[key]!, 2e-7), key).toBe("");
  expect([...checked].sort()).toEqual(
    ["add", "sub", "mul", "div", "neg", "exp", "log", "sqrt", "reciprocal", "tanh", "sigmoid", "erf", "cos"]
      .concat([
        "sin",
        "silu",
        "gelu",
        "geluTanh",
        "softplus",
        "keep",
        "less",
        "lessOrEqual",
        "equal",
        "and",
        "where",
      ])
      .concat(["cast", "matmul", "rmsNorm", "layerNorm", "softmax", "logSoftmax"])
      .sort(),
  );
});

const rows = (y: Tensor) => y.shape[0] === "T" || (y.shape[0] as number) > 2;

test("inputs that may be left out are", () => {
  const scaled = defineOp<[x: Tensor, factor?: Tensor], { name: string }>({
    name: "scaled",
    infer: ([x, factor]) => ({ dtype: x.dtype, shape: factor ? factor.shape : x.shape }),
    lower: (w, [x, factor]) => (factor === undefined ? x : w.node("Mul", [x, factor])),
    vjp: () => [null, null],
  });
  const [x, factor] = [input("x", [2]), input("factor", [2])];
  const [alone, both] = [scaled(x, undefined, { name: "alone" }), scaled(x, factor, { name: "both" })];
  expect([alone.inputs, both.inputs]).toEqual([[x], [x, factor]]);
  expect([alone.attributes, both.attributes]).toEqual([{ name: "alone" }, { name: "both" }]);
  expect(sameShape(alone.shape, both.shape) && alone.op === scaled.op).toBe(true);
});
