import * as activation from "../graph/ops/activation.ts";
import { softmaxAttention } from "../graph/ops/attention.ts";
import { blockAttention, firstSeen } from "../graph/ops/block_attention.ts";
import { leadingRows, rowChunks, unchunk } from "../graph/ops/chunks.ts";
import { linearCrossEntropy, linearLogits } from "../graph/ops/cross_entropy.ts";
import { detach } from "../graph/ops/detach.ts";
import { dropout } from "../graph/ops/dropout.ts";
import * as elementwise from "../graph/ops/elementwise.ts";
import { fromPlaces, groupedMatmul, groupedOuter, inverseOrder, toPlaces } from "../graph/ops/grouped.ts";
import { gather, rowNumbers, scatterAdd, scatterOnto } from "../graph/ops/indexing.ts";
import { keep } from "../graph/ops/keep.ts";
import { linearScan } from "../graph/ops/linear_scan.ts";
import { addMatmul, matmul, matmulOnto } from "../graph/ops/matmul.ts";
import { layerNorm, rmsNorm } from "../graph/ops/norm.ts";
import { max, mean, sum, sumAll, sumTo } from "../graph/ops/reduce.ts";
import { rope } from "../graph/ops/rope.ts";
import { concat, expandLike, reshape, slice, transpose } from "../graph/ops/shape.ts";
import { shiftRows } from "../graph/ops/shift_rows.ts";
import { logSoftmax, softmax } from "../graph/ops/softmax.ts";
import { sumBefore } from "../graph/ops/sum_before.ts";
import { unitLowerInverse } from "../graph/ops/unit_lower_inverse.ts";
import { zerosLike } from "../graph/ops/zeros.ts";
import { constant, scalar } from "../graph/sources.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";

type Name =
  | ("a" | "b" | "c" | "x" | "condition" | "like" | "table" | "indices" | "updates" | "weight" | "bias")
  | ("q" | "k" | "v" | "onto" | "order" | "places" | "counts")
  | ("first" | "index" | "ends" | "positions" | "sinks")
  | ("cos" | "sin" | "mask" | "hidden" | "targets" | "row0" | "row1" | "column0" | "column1");

/** One use of an op. Its inputs' sizes and values, its value and gradients stand in `graph/goldens/ops.safetensors`. */
export interface OpCase {
  y(at: Record<Name, Tensor>): Tensor;
  /** Floating-point inputs without a gradient. */
  frozen?: readonly Name[];
  /** Inputs with a size known only at run time. "T" is 5 in every case. */
  shapes?: Partial<Record<Name, Shape>>;
  /** An input that is a bfloat16 weight behind a cast. */
  bfloat16?: Name;
}

/** By the names that `graph/goldens/make_ops.py` gives them. */
export function opCases(): Map<string, OpCase> {
  return new Map([
    ...pairs(),
    ...singles(),
    ...elsewise(),
    ...shapes(),
    ...indexing(),
    ...scans(),
    ...groups(),
    ...blockAttentions(),
    ...products(),
    ...networks(),
  ]);
}

type Entry = [name: string, OpCase];

function pairs(): Entry[] {
  const { add, sub, mul, div } = elementwise;
  return Object.entries({ add, sub, mul, div }).flatMap(([name, op]): Entry[] => [
    [name, { y: ({ a, b }) => op(a, b) }],
    [`${name}, both broadcast`, { y: ({ a, b }) => op(a, b) }],
    [`${name}, a scalar`, { y: ({ a, b }) => op(a, b) }],
    [`${name}, ranks differ`, { y: ({ a, b }) => op(a, b), shapes: { a: [2, "T", 4] } }],
  ]);
}

function singles(): Entry[] {
  const { neg, exp, log, sqrt, reciprocal, tanh, sigmoid, erf, cos, sin } = elementwise;
  const { silu, gelu, geluTanh, softplus } = activation;
  const ops = {
    neg,
    exp,
    log,
    sqrt,
    reciprocal,
    tanh,
    sigmoid,
    erf,
    cos,
    sin,
    silu,
    gelu,
    geluTanh,
    softplus,
  };
  return [
    ...Object.entries(ops).map(([name, op]): Entry => [name, { y: ({ x }) => op(x) }]),
    ["tanh, far out", { y: ({ x }) => tanh(x) }],
    ["sigmoid, far out", { y: ({ x }) => sigmoid(x) }],
    ["detach", { y: ({ x }) => elementwise.mul(detach(x), x) }],
    ["keep", { y: ({ x }) => keep(x) }],
    ["silu, far out", { y: ({ x }) => silu(x) }],
  ];
}

function elsewise(): Entry[] {
  const { less, lessOrEqual, equal, and, where, cast, scale, shift } = elementwise;
  return [
    ["scale", { y: ({ x }) => scale(x, 0.3) }],
    ["shift", { y: ({ x }) => shift(x, 0.3) }],
    ["less", { y: ({ a, b }) => less(a, b) }],
    ["less, int32", { y: ({ a, b }) => less(a, b) }],
    ["lessOrEqual", { y: ({ a, b }) => lessOrEqual(a, b) }],
    ["lessOrEqual, int64", { y: ({ a, b }) => lessOrEqual(a, b) }],
    ["equal", { y: ({ a, b }) => equal(a, b) }],
    ["equal, int64", { y: ({ a, b }) => equal(a, b) }],
    ["and", { y: ({ a, b }) => and(a, b) }],
    ["where", { y: ({ condition, a, b }) => where(condition, a, b) }],
    ["where, broadcast", { y: ({ condition, a, b }) => where(condition, a, b) }],
    ["where, a and b broadcast", { y: ({ condition, a, b }) => where(condition, a, b) }],
    ["cast, bfloat16 and back", { y: ({ x }) => cast(cast(x, "bfloat16"), x.dtype) }],
    ["cast, float16 and back", { y: ({ x }) => cast(cast(x, "float16"), x.dtype) }],
    ["cast, int64 to float", { y: ({ x }) => cast(x, "float32") }],
    ["cast, float to int64", { y: ({ x }) => cast(x, "int64") }],
    ["cast, bool to float", { y: ({ x }) => cast(x, "float32") }],
  ];
}

function shapes(): Entry[] {
  const tall: Pick<OpCase, "shapes"> = { shapes: { x: ["T", 4] } };
  return [
    ["sum", { y: ({ x }) => sum(x, [0]) }],
    ["sum, last axis", { y: ({ x }) => sum(x, [-1]) }],
    ["sum, two axes", { y: ({ x }) => sum(x, [0, 2]) }],
    ["sum, named", { y: ({ x }) => sum(x, [0]), ...tall }],
    ["max", { y: ({ x }) => max(x, [1]) }],
    ["max, first axis", { y: ({ x }) => max(x, [0]) }],
    ["sum, no axes", { y: ({ x }) => sum(x, []) }],
    ["sumAll", { y: ({ x }) => sumAll(x) }],
    ["sumAll, scalar", { y: ({ x }) => sumAll(x) }],
    ["mean", { y: ({ x }) => mean(x, [0]) }],
    ["mean, last axis", { y: ({ x }) => mean(x, [-1]), ...tall }],
    ["mean, two axes", { y: ({ x }) => mean(x, [0, 2]) }],
    ["sumTo, column", { y: ({ x }) => sumTo(x, [3, 1]) }],
    ["sumTo, row of more axes", { y: ({ x }) => sumTo(x, [1, 4]) }],
    ["sumTo, scalar", { y: ({ x }) => sumTo(x, []) }],
    ["reshape", { y: ({ x }) => reshape(x, [3, 4]) }],
    ["reshape, named in place", { y: ({ x }) => reshape(x, ["T", 2, 3]), shapes: { x: ["T", 6] } }],
    ["reshape, named moves", { y: ({ x }) => reshape(x, [1, "T", 6]), shapes: { x: ["T", 2, 3] } }],
    ["reshape, two names", { y: ({ x }) => reshape(x, ["T", "U", 6]), shapes: { x: ["T", "U", 2, 3] } }],
    [
      "reshape, of two names one moves",
      { y: ({ x }) => reshape(x, ["T", 6, "U"]), shapes: { x: ["T", 2, 3, "U"] } },
    ],
    ["reshape, to a scalar", { y: ({ x }) => reshape(x, []) }],
    ["transpose", { y: ({ x }) => transpose(x, [1, 0]) }],
    [
      "transpose, a cycle of axes",
      { y: ({ x }) => transpose(x, [2, 0, 3, 1]), shapes: { x: [2, "T", 3, 4] } },
    ],
    ["slice, start", { y: ({ x }) => slice(x, 1, 0, 2) }],
    ["slice, middle", { y: ({ x }) => slice(x, -1, 2, 5), shapes: { x: ["T", 6] } }],
    ["slice, end of the first axis", { y: ({ x }) => slice(x, 0, 1, 3) }],
    ["slice, middle axis", { y: ({ x }) => slice(x, 1, 1, 3), shapes: { x: [2, 4, "T"] } }],
    ["concat", { y: ({ a, b, c }) => concat([a, b, c], 1) }],
    ["concat, first axis", { y: ({ a, b }) => concat([a, b], 0) }],
    ["concat, named", { y: ({ a, b }) => concat([a, b], -1), shapes: { a: ["T", 2], b: ["T", 3] } }],
    ["concat, one part twice", { y: ({ a }) => concat([a, a], 0) }],
    [
      "concat, joined size named",
      { y: ({ a, b }) => concat([a, b], 0, "T + 2"), frozen: ["a", "b"], shapes: { a: ["T", 2] } },
    ],
    ["expandLike", { y: ({ x, like }) => expandLike(x, like), frozen: ["like"] }],
    ["expandLike, scalar", { y: ({ x, like }) => expandLike(x, like), frozen: ["like"] }],
    [
      "expandLike, named",
      { y: ({ x, like }) => expandLike(x, like), frozen: ["like"], shapes: { like: ["T", 4] } },
    ],
    ["zerosLike", { y: ({ like }) => zerosLike(like, 1, 2), frozen: ["like"] }],
    [
      "zerosLike, named",
      { y: ({ like }) => zerosLike(like, 1, 2), frozen: ["like"], shapes: { like: ["T", 4] } },
    ],
  ];
}

function indexing(): Entry[] {
  const scatter = (at: Record<Name, Tensor>) => scatterAdd(at.like, at.indices, at.updates);
  const onto = (at: Record<Name, Tensor>) => scatterOnto(at.onto, at.indices, at.updates);
  return [
    ["gather", { y: ({ table, indices }) => gather(table, indices) }],
    ["gather, matrix of indices", { y: ({ table, indices }) => gather(table, indices) }],
    ["gather, one index", { y: ({ table, indices }) => gather(table, indices) }],
    ["gather, numbers", { y: ({ table, indices }) => gather(table, indices), shapes: { indices: ["T"] } }],
    ["gather, int32", { y: ({ table, indices }) => gather(table, indices), shapes: { table: ["T", 3] } }],
    ["rowNumbers", { y: ({ x }) => rowNumbers(x), shapes: { x: ["T", 2] } }],
    ["gather, named", { y: ({ table, indices }) => gather(table, indices), shapes: { table: ["T", 3] } }],
    ["scatterAdd", { y: scatter, frozen: ["like"], shapes: { indices: ["T"], updates: ["T", 3] } }],
    ["scatterAdd, rows of two axes", { y: scatter, frozen: ["like"] }],
    ["scatterAdd, numbers", { y: scatter, frozen: ["like"] }],
    ["scatterAdd, named rows", { y: scatter, frozen: ["like"], shapes: { like: ["T", 3] } }],
    ["scatterOnto", { y: onto, shapes: { indices: ["T"], updates: ["T", 3] } }],
    ["scatterOnto, named rows", { y: onto, shapes: { onto: ["T", 3] } }],
  ];
}

function scans(): Entry[] {
  const inChunks = ({ x }: { x: Tensor }) => rowChunks(x, { size: 2 });
  const { mul, scale, shift } = elementwise;
  const below = (size: number) =>
    constant(
      Array.from({ length: size * size }, (_, k) => Number(k % size < Math.floor(k / size))),
      [size, size],
    );
  const inverse = (x: Tensor) =>
    unitLowerInverse(mul(x, elementwise.cast(below(x.shape.at(-1) as number), x.dtype)));
  return [
    ["rowChunks", { y: inChunks, shapes: { x: ["T", 3, 2] } }],
    ["rowChunks, whole", { y: inChunks }],
    ["rowChunks, numbers", { y: inChunks, shapes: { x: ["T"] } }],
    [
      "unchunk",
      {
        y: ({ x, like }) => unchunk(x, like),
        frozen: ["like"],
        shapes: { x: ["T/2", 2, 3], like: ["T", 1] },
      },
    ],
    [
      "leadingRows",
      { y: ({ x, like }) => leadingRows(x, like), frozen: ["x", "like"], shapes: { like: ["T", 3] } },
    ],
    [
      "linearScan",
      {
        y: ({ a, b }) => linearScan(a, b, { reverse: false }),
        shapes: { a: ["T", 2, 3, 3], b: ["T", 2, 3, 4] },
      },
    ],
    ["linearScan, reverse", { y: ({ a, b }) => linearScan(a, b, { reverse: true }) }],
    ["shiftRows", { y: ({ x }) => shiftRows(x, { by: 2 }), shapes: { x: ["T", 3] } }],
    ["shiftRows, up", { y: ({ x }) => shiftRows(x, { by: -2 }), shapes: { x: ["T", 3] } }],
    ["shiftRows, further than all", { y: ({ x }) => shiftRows(x, { by: 7 }), shapes: { x: ["T", 3] } }],
    ["sumBefore", { y: ({ x }) => sumBefore(x, { reverse: false }), shapes: { x: ["T", 3] } }],
    ["sumBefore, reverse", { y: ({ x }) => sumBefore(x, { reverse: true }), shapes: { x: ["T", 3] } }],
    ["unitLowerInverse", { y: ({ x }) => inverse(x) }],
    ["unitLowerInverse, alike keys", { y: ({ x }) => inverse(shift(scale(x, 0.1), 1)) }],
  ];
}

function groups(): Entry[] {
  const placed = { order: ["T*2+2"], places: ["T", 2] };
  const product = (turned: boolean) => ({
    y: ({ x, counts, a, b, c }: Record<Name, Tensor>) => groupedMatmul(x, counts, a, b, c, { turned }),
    frozen: ["counts" as const],
    shapes: { x: ["T", 4] },
  });
  const ofOne = (turned: boolean) => ({
    ...product(turned),
    y: ({ x, counts, weight }: Record<Name, Tensor>) => groupedMatmul(x, counts, weight, { turned }),
  });
  const put = ({ x, order, places }: Record<Name, Tensor>) => toPlaces(x, order, places);
  return [
    ["inverseOrder", { y: ({ places }) => inverseOrder(places, { spare: 2 }), shapes: { places: ["T", 2] } }],
    ["toPlaces", { y: put, shapes: { x: ["T", 2, 3], ...placed } }],
    ["toPlaces, one for all", { y: put, shapes: { x: ["T", 1, 3], ...placed } }],
    [
      "fromPlaces",
      { y: ({ x, order, places }) => fromPlaces(x, order, places), shapes: { x: ["T*2+2", 3], ...placed } },
    ],
    ["groupedMatmul", product(false)],
    ["groupedMatmul, a group without rows", product(false)],
    ["groupedMatmul, turned", product(true)],
    ["groupedMatmul, one tensor", ofOne(false)],
    ["groupedMatmul, one tensor turned", ofOne(true)],
    ["groupedOuter", { y: ({ a, b, counts }) => groupedOuter(a, b, counts), frozen: ["a", "b", "counts"] }],
  ];
}

function blockAttentions(): Entry[] {
  const inBlocks = (block: number, options: { softcap?: number; window?: number } = {}): OpCase => ({
    y: ({ q, k, v, first, index, ends, positions, sinks }) =>
      blockAttention(q, k, v, first, index, ends, positions, sinks, { scale: 0.75, block, ...options }),
    shapes: {
      ...{ q: ["T", 2, 3, 4], k: ["T", 2, 4], v: ["T", 2, 4] },
      ...{ first: [`T/${block}`, 1], index: ["T"], ends: ["T"], positions: ["T"] },
    },
  });
  return [
    ["blockAttention", inBlocks(2)],
    ["blockAttention, branches", inBlocks(2)],
    ["blockAttention, bounded, a window", inBlocks(2, { softcap: 1.5, window: 2 })],
    ["blockAttention, one block", inBlocks(8)],
    ["blockAttention, sinks", inBlocks(2, { window: 2 })],
    ["blockAttention, bounded, sinks", inBlocks(8, { softcap: 1.5 })],
    ["firstSeen", { y: (row) => firstSeen(row, 2), shapes: { index: ["T"], ends: ["T"], positions: ["T"] } }],
  ];
}

function products(): Entry[] {
  const both = [false, true];
  const kinds = both.flatMap((transA) =>
    both.flatMap((transB) => [1, -0.75].map((alpha) => ({ transA, transB, alpha }))),
  );
  const found = kinds.flatMap((kind): Entry[] => {
    const name = `matmul ${kind.transA ? "aᵀ" : "a"}${kind.transB ? "bᵀ" : "b"}, alpha ${kind.alpha}`;
    const y: OpCase["y"] = ({ a, b }) => matmul(a, b, kind);
    const shapes: OpCase["shapes"] = {
      a: kind.transA ? [2, 2, 3, "T"] : [2, 2, "T", 3],
      b: kind.transB ? [2, 1, "T", 3] : [2, 1, 3, "T"],
    };
    const sum: OpCase = {
      y: ({ c, a, b }) => addMatmul(c, a, b, kind),
      shapes: { c: ["T", 6], a: kind.transA ? [4, "T"] : ["T", 4] },
    };
    return [
      [name, { y }],
      [`${name}, groups share b`, { y, shapes }],
      [`${name}, one b`, { y }],
      [`${name}, one a`, { y }],
      [name.replace("matmul", "addMatmul"), sum],
      [name.replace("matmul", "matmulOnto"), { ...sum, y: ({ c, a, b }) => matmulOnto(c, a, b, kind) }],
    ];
  });
  const y: OpCase["y"] = ({ x, weight }) => matmul(x, weight, { transB: true });
  return [
    ...found,
    ["matmul, bfloat16 weight", { y, frozen: ["weight"], bfloat16: "weight", shapes: { x: ["T", 4] } }],
  ];
}

function networks(): Entry[] {
  const crossEntropy: OpCase = {
    y: ({ hidden, weight, targets }) => linearCrossEntropy(hidden, weight, targets),
    shapes: { hidden: ["T", 4], targets: ["T"] },
  };
  const frozen: OpCase["frozen"] = ["weight"];
  const attention: OpCase["y"] = ({ q, k, v, mask }) => softmaxAttention(q, k, v, mask, { scale: 0.75 });
  const rows: OpCase["shapes"] = { x: ["T", 8] };
  const rotation: OpCase = { y: ({ x, cos, sin }) => rope(x, cos, sin), frozen: ["cos", "sin"] };
  return [
    ["softmax", { y: ({ x }) => softmax(x) }],
    ["softmax, far out", { y: ({ x }) => softmax(x) }],
    [
      "softmax, masked",
      {
        y: ({ x, mask }) => softmax(elementwise.where(mask, x, scalar(Number.NEGATIVE_INFINITY, x))),
        shapes: { x: [2, "T", "T"], mask: ["T", "T"] },
      },
    ],
    ["softmaxAttention", { y: attention, frozen: ["mask"] }],
    [
      "softmaxAttention, groups share keys",
      {
        y: attention,
        frozen: ["mask"],
        shapes: { q: [2, 2, "T", 3], k: [2, 1, "T", 3], v: [2, 1, "T", 3], mask: ["T", "T"] },
      },
    ],
    [
      "softmaxAttention, bounded",
      {
        y: ({ q, k, v, mask }) => softmaxAttention(q, k, v, mask, { scale: 0.75, softcap: 1.5 }),
        frozen: ["mask"],
      },
    ],
    ["logSoftmax", { y: ({ x }) => logSoftmax(x) }],
    ["logSoftmax, far out", { y: ({ x }) => logSoftmax(x) }],
    ["rmsNorm", { y: ({ x, weight }) => rmsNorm(x, weight, { eps: 1e-6 }) }],
    ["rmsNorm, eps large", { y: ({ x, weight }) => rmsNorm(x, weight, { eps: 0.5 }), shapes: rows }],
    ["layerNorm", { y: ({ x, weight, bias }) => layerNorm(x, weight, bias, { eps: 1e-5 }) }],
    [
      "layerNorm, eps large",
      { y: ({ x, weight, bias }) => layerNorm(x, weight, bias, { eps: 0.5 }), shapes: rows },
    ],
    ["rope", { ...rotation, shapes: { x: ["T", 8], cos: ["T", 4], sin: ["T", 4] } }],
    ["rope, heads", { ...rotation, shapes: { x: ["T", 2, 3, 20], cos: ["T", 10], sin: ["T", 10] } }],
    ["rope, part of a head", rotation],
    ["linearCrossEntropy", crossEntropy],
    ["linearCrossEntropy, far out", crossEntropy],
    [
      "linearCrossEntropy, bounded",
      {
        ...crossEntropy,
        y: ({ hidden, weight, targets }) => linearCrossEntropy(hidden, weight, targets, { softcap: 2 }),
      },
    ],
    ["linearLogits", { y: ({ hidden, weight }) => linearLogits(hidden, weight) }],
    ["linearLogits, bounded", { y: ({ hidden, weight }) => linearLogits(hidden, weight, { softcap: 2 }) }],
    ["linearCrossEntropy, frozen weight", { ...crossEntropy, frozen }],
    ["linearCrossEntropy, bfloat16 weight", { ...crossEntropy, frozen, bfloat16: "weight" }],
    [
      "dropout",
      {
        y: ({ x, row0, row1, column0, column1 }) =>
          dropout(x, 0.3, { rows: [row0, row1], columns: [column0, column1] }),
        shapes: { x: ["T", 9], row0: ["T", 1], row1: ["T", 1] },
      },
    ],
  ];
}
