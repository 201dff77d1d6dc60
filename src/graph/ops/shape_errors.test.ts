import { describe, expect, test } from "vitest";
import { lower } from "../onnx/lower.ts";
import { constant, input, weight } from "../sources.ts";
import { type DType, type Shape, ShapeError, type Tensor } from "../tensor.ts";
import { gelu, geluTanh } from "./activation.ts";
import { softmaxAttention } from "./attention.ts";
import { linearCrossEntropy } from "./cross_entropy.ts";
import { dropout } from "./dropout.ts";
import * as elementwise from "./elementwise.ts";
import { gather, scatterAdd } from "./indexing.ts";
import { matmul } from "./matmul.ts";
import { layerNorm, rmsNorm } from "./norm.ts";
import { mean, sum, sumTo } from "./reduce.ts";
import { rope } from "./rope.ts";
import { concat, expandLike, reshape, slice, transpose } from "./shape.ts";
import { logSoftmax, softmax } from "./softmax.ts";

const of = (shape: Shape, dtype: DType = "float32") => input("x", shape, dtype);
const ints = (...shape: Shape) => of(shape, "int64");
const bools = (...shape: Shape) => of(shape, "bool");
const floats = (...shape: Shape) => of(shape);
const { add, sub, mul, div, less, lessOrEqual, equal, and, where } = elementwise;
const { exp, log, sqrt, reciprocal, tanh, sigmoid, erf, cos, sin } = elementwise;
const pairs = { add, sub, mul, div, less, lessOrEqual, equal };
const needFloats = {
  exp,
  log,
  sqrt,
  reciprocal,
  tanh,
  sigmoid,
  erf,
  cos,
  sin,
  gelu,
  geluTanh,
  softmax,
  logSoftmax,
};
const eps = 1e-6;
const attend = (q: Shape, k: Shape, v = k, mask = floats("T", "N")) =>
  softmaxAttention(of(q), of(k), of(v), mask, { scale: 1 });
const words = (dtype: DType) => {
  const of = (...shape: Shape) => input("words", shape, dtype);
  return { rows: [of("T", 1), of("T", 1)], columns: [of(8), of(8)] } as const;
};

/** Which op complains, of what; how it is written; what the error says. */
const wrong: [what: string, write: () => unknown, says: RegExp][] = [
  ...Object.entries(pairs).flatMap(([name, op]): typeof wrong => [
    [
      `${name}: sizes`,
      () => op(floats(2, 3), floats(2)),
      /float32\[2, 3\] and float32\[2\] do not broadcast/,
    ],
    [`${name}: a name and a size`, () => op(floats("T"), floats(5)), /do not broadcast/],
    [`${name}: two names`, () => op(floats("T", 4), floats("S", 4)), /do not broadcast/],
    [`${name}: dtypes`, () => op(floats(2), ints(2)), /one dtype, got float32\[2\] and int64\[2\]/],
  ]),
  ...Object.entries(needFloats).map(([name, op]): (typeof wrong)[number] => [
    `${name}: integers`,
    () => op(ints(2)),
    /floating-point numbers, got int64\[2\]/,
  ]),
  ["and: numbers", () => and(bools(2), floats(2)), /conditions, got bool\[2\] and float32\[2\]/],
  ["and: sizes", () => and(bools(2), bools(3)), /do not broadcast/],
  ["where: a number as condition", () => where(floats(2), floats(2), floats(2)), /float32\[2\], not bool/],
  ["where: dtypes", () => where(bools(2), floats(2), ints(2)), /one dtype/],
  ["where: condition's size", () => where(bools(3), floats(2), floats(2)), /do not broadcast/],
  ["softmax: a scalar", () => softmax(floats()), /axis -1 is outside float32\[\]/],
  ["logSoftmax: a scalar", () => logSoftmax(floats()), /axis -1 is outside float32\[\]/],
  ["sum: axis", () => sum(floats(2, 3), [2]), /axis 2 is outside float32\[2, 3\]/],
  ["mean: axis", () => mean(floats(2, 3), [-3]), /axis -3 is outside/],
  ["reshape: size", () => reshape(floats(2, 3), [5]), /float32\[2, 3\] has not the size of \[5\]/],
  ["reshape: a name lost", () => reshape(floats("T", 3), [3]), /has not the size/],
  ["reshape: a name made up", () => reshape(floats("T", 3), ["S", 3]), /has not the size/],
  ["transpose: too few axes", () => transpose(floats(2, 3), [0]), /float32\[2, 3\] by \[0\]/],
  ["transpose: an axis twice", () => transpose(floats(2, 3), [0, 0]), /by \[0,0\]/],
  ["transpose: no such axis", () => transpose(floats(2, 3), [0, 2]), /by \[0,2\]/],
  ["slice: end", () => slice(floats(2, 3), 1, 1, 4), /\[1, 4\) is not inside axis 1 of float32\[2, 3\]/],
  ["slice: start", () => slice(floats(2, 3), 1, -1, 2), /\[-1, 2\) is not inside/],
  ["slice: nothing", () => slice(floats(2, 3), 1, 2, 2), /\[2, 2\) is not inside/],
  ["slice: axis", () => slice(floats(2, 3), 2, 0, 1), /axis 2 is outside/],
  ["slice: a named axis", () => slice(floats("T", 3), 0, 0, 1), /is not inside axis 0 of float32\[T, 3\]/],
  ["concat: other sizes", () => concat([floats(2, 3), floats(3, 3)], 1), /differ outside axis 1/],
  ["concat: ranks", () => concat([floats(2, 3), floats(2)], 0), /differ outside axis 0/],
  ["concat: dtypes", () => concat([floats(2), ints(2)], 0), /one dtype/],
  ["concat: axis", () => concat([floats(2), floats(2)], 1), /axis 1 is outside/],
  ["concat: joined size unknown", () => concat([floats("T"), floats(2)], 0), /name the joined size/],
  ["expand: sizes", () => expandLike(floats(2), floats(3)), /do not broadcast/],
  [
    "expand: more axes",
    () => expandLike(floats(2, 1, 3), floats(1, 3)),
    /more axes or sizes than float32\[1, 3\]/,
  ],
  ["expand: larger", () => expandLike(floats(3), floats(1)), /more axes or sizes/],
  ["gather: indices", () => gather(floats(4, 2), floats(3)), /float32\[3\], not int64/],
  ["gather: no rows", () => gather(floats(), ints(3)), /has no rows/],
  ["scatterAdd: indices", () => scatterAdd(floats(4, 2), floats(3), floats(3, 2)), /not int64/],
  [
    "scatterAdd: as many rows as indices",
    () => scatterAdd(floats(4, 2), ints(3), floats(2, 2)),
    /at rows int64\[3\]/,
  ],
  ["scatterAdd: row size", () => scatterAdd(floats(4, 2), ints(3), floats(3, 5)), /of float32\[4, 2\]/],
  ["scatterAdd: integers", () => scatterAdd(floats(4, 2), ints(3), ints(3, 2)), /floating-point/],
  [
    "scatterAdd: indices of several axes, rows of a named size",
    () => scatterAdd(floats(4, "T"), ints(2, 3), floats(2, 3, "T")),
    /several axes/,
  ],
  ["matmul: inner sizes", () => matmul(floats(2, 3), floats(4, 5)), /inner sizes of .* differ: 3, 4/],
  ["matmul: inner, transposed", () => matmul(floats(2, 3), floats(3, 5), { transB: true }), /differ: 3, 5/],
  ["matmul: inner, names", () => matmul(floats(2, "T"), floats("S", 5)), /differ: T, S/],
  ["matmul: vectors", () => matmul(floats(3), floats(3, 2)), /float32\[3\] by float32\[3, 2\]/],
  ["matmul: batches", () => matmul(floats(2, 3, 4), floats(5, 4, 3)), /do not broadcast/],
  ["matmul: dtypes", () => matmul(floats(2, 3), of([3, 2], "float64")), /one dtype/],
  ["rmsNorm: weight", () => rmsNorm(floats(2, 8), floats(4), { eps }), /float32\[4\] is not as long/],
  ["rmsNorm: weight's rank", () => rmsNorm(floats(2, 8), floats(1, 8), { eps }), /not as long/],
  ["rmsNorm: dtypes", () => rmsNorm(floats(2, 8), of([8], "bfloat16"), { eps }), /one dtype/],
  ["rmsNorm: a scalar", () => rmsNorm(floats(), floats(1), { eps }), /not as long/],
  ["layerNorm: weight", () => layerNorm(floats(2, 8), floats(4), floats(8), { eps }), /not as long/],
  ["layerNorm: bias", () => layerNorm(floats(2, 8), floats(8), floats(2), { eps }), /not as long/],
  ["layerNorm: integers", () => layerNorm(ints(8), ints(8), ints(8), { eps }), /floating-point/],
  ["rope: width", () => rope(floats(5, 8), floats(5, 5), floats(5, 5)), /not half as wide/],
  ["rope: odd", () => rope(floats(5, 7), floats(5, 4), floats(5, 4)), /not half as wide/],
  ["rope: no angles", () => rope(floats(5, 8), floats(5, 0), floats(5, 0)), /not half as wide/],
  ["rope: angles of other widths", () => rope(floats(5, 8), floats(5, 4), floats(5, 3)), /not \[5, 4\]/],
  ["rope: tokens", () => rope(floats("T", 8), floats("S", 4), floats("S", 4)), /not \[T, 4\]/],
  ["rope: angles of more axes", () => rope(floats(5, 8), floats(2, 5, 4), floats(2, 5, 4)), /not \[5, 4\]/],
  ["rope: a vector", () => rope(floats(8), floats(4), floats(4)), /token by token/],
  ["rope: unknown heads", () => rope(floats(5, "K", 8), floats(5, 4), floats(5, 4)), /known sizes/],
  ["rope: 64 bits", () => rope(of([5, 8], "float64"), floats(5, 4), floats(5, 4)), /expects float32/],
  ["rope: dtypes", () => rope(floats(5, 8), of([5, 4], "float64"), floats(5, 4)), /one dtype/],
  ["softmaxAttention: widths", () => attend([2, "T", 4], [2, "N", 3]), /do not broadcast/],
  ["softmaxAttention: values", () => attend([2, "T", 4], [2, "N", 4], [2, "M", 4]), /float32\[2, M, 4\]/],
  ["softmaxAttention: leading axes", () => attend([2, "T", 4], [3, "N", 4]), /do not broadcast/],
  ["softmaxAttention: fewer queries' axes", () => attend([1, "T", 4], [2, "N", 4]), /float32\[1, T, 4\], /],
  ["softmaxAttention: mask", () => attend(["T", 4], ["N", 4], ["N", 4], of(["N", "T"])), /float32\[N, T\]/],
  ["softmaxAttention: dtypes", () => attend(["T", 4], ["N", 4], ["N", 4], bools("T", "N")), /one dtype/],
  [
    "linearCrossEntropy: targets' dtype",
    () => linearCrossEntropy(floats("S", 4), floats(9, 4), floats("S")),
    /targets float32\[S\]/,
  ],
  [
    "linearCrossEntropy: rows",
    () => linearCrossEntropy(floats("S", 4), floats(9, 4), ints("T")),
    /expected int64\[S\]/,
  ],
  [
    "matmul: linearCrossEntropy's weight",
    () => linearCrossEntropy(floats("S", 4), floats(9, 5), ints("S")),
    /inner sizes/,
  ],
  [
    "linearCrossEntropy: batches",
    () => linearCrossEntropy(floats(2, 3, 4), floats(9, 4), ints(2, 3)),
    /targets/,
  ],
  [
    "dropout: everything",
    () => dropout(floats("T", 8), 1, words("int32")),
    /probability is 1, not in \[0, 1\)/,
  ],
  ["dropout: NaN", () => dropout(floats("T", 8), Number.NaN, words("int32")), /probability is NaN/],
  ["dropout: words", () => dropout(floats("T", 8), 0.1, words("int64")), /int64, not int32/],
  [
    "where: dropout's words for another width",
    () => dropout(floats("T", 6), 0.1, words("int32")),
    /do not broadcast/,
  ],
  ["constant: count", () => constant([1, 2, 3], [2]), /3 values are no float32\[2\]/],
  ["constant: fractions", () => constant([1, 0.5], [2], "int64"), /can't hold 0.5/],
  ["constant: scale of integers by a fraction", () => elementwise.scale(ints(2), 0.5), /can't hold 0.5/],
  [
    "weight: bytes",
    () => weight("w", { dtype: "bfloat16", shape: [2, 3] }, { bytes: new Uint8Array(11) }),
    /w is bfloat16\[2, 3\], 12 bytes; its source has 11/,
  ],
  [
    "weight: a file's bytes",
    () => weight("w", { dtype: "float32", shape: [2, 3] }, { file: "/m", offset: 0, byteLength: 12 }),
    /24 bytes; its source has 12/,
  ],
];

describe("refused, with both sides named", () => {
  test.each(wrong)("%s", (what, write, says) => {
    expect(write).toThrow(ShapeError);
    expect(write).toThrow(says);
    expect(write).toThrow(new RegExp(`^${what.split(":")[0]}: `));
  });

  test("reshape: two names that move, once it is lowered", () => {
    const y = reshape(floats("T", "S", 2), ["S", 2, "T"]);
    expect(() => lower({ y })).toThrow(/moves more than one name/);
  });
});

describe("no gradient where a size is known only at run time", () => {
  const rules = (t: Tensor) => () => t.op.vjp(t.inputs, floats(...t.shape), t.attributes, t);

  test("mean", () => {
    expect(rules(mean(floats("T", 2), [0]))).toThrow(/known only at run time/);
  });

  test("concat", () => {
    expect(rules(concat([floats("T", 2), floats("T", 2)], 0, "2T"))).toThrow(/known only at run time/);
  });

  test("sumTo a shape that was never broadcast", () => {
    expect(() => sumTo(floats(2, 3), [2])).toThrow(/cannot sum/);
  });
});
