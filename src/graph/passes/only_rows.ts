import { gather } from "../ops/indexing.ts";
import { apply, type Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";

/** Ops that make each row of their output from the same row of those inputs that have rows. */
const ELEMENTWISE = new Set("add sub mul div neg exp tanh sigmoid erf silu gelu geluTanh keep".split(" "));
/** Ops that make it from the same row of their first input. */
const BY_ROW = new Set(["rmsNorm", "layerNorm", "matmul", "quantizedMatmul"]);

/**
 * The rows `indices` (int64 [S]) of t [T, D]: [S, D]. What nothing else is read from is computed for these rows alone,
 * back to where others are needed, too: of a decoder that is the last block from where attention's output is read.
 */
export function onlyRows(t: Tensor, indices: Tensor): Tensor {
  const narrowed = rowWisePart(t);
  const known = new Map<Tensor, Tensor>();
  const rowsOf = (x: Tensor): Tensor => {
    const rows = known.get(x) ?? (narrowed.has(x) ? again(x) : gather(x, indices));
    known.set(x, rows);
    return rows;
  };
  const again = ({ op, inputs, attributes }: Tensor) =>
    apply(
      op,
      inputs.map((x) => (hasRows(x, t) ? rowsOf(x) : x)),
      attributes,
    );
  return rowsOf(t);
}

/** Of what t is computed from, whatever is made row by row and read by nothing else. */
function rowWisePart(t: Tensor): Set<Tensor> {
  const part = new Set<Tensor>();
  const readElsewhere = new Set<Tensor>();
  for (const x of reachable([t]).reverse()) {
    if (!readElsewhere.has(x) && isRowWise(x, t)) part.add(x);
    else for (const input of x.inputs) readElsewhere.add(input);
  }
  return part;
}

function isRowWise(x: Tensor, t: Tensor): boolean {
  if (!hasRows(x, t)) return false;
  if (ELEMENTWISE.has(x.op.name)) return x.inputs.every((input) => hasRows(input, t) || isWhole(input, t));
  const [first, ...others] = x.inputs;
  const turned = (x.attributes as { transA?: boolean }).transA;
  return BY_ROW.has(x.op.name) && !turned && hasRows(first!, t) && others.every((input) => isWhole(input, t));
}

/** Only a size that has a name is told from others. */
const hasRows = (x: Tensor, { shape: [T] }: Tensor) =>
  typeof T === "string" && x.shape.length === 2 && x.shape[0] === T && x.shape[1] !== T;

const isWhole = (x: Tensor, { shape: [T] }: Tensor) => !x.shape.includes(T!);
