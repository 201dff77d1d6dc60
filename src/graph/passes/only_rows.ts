import { gather } from "../ops/indexing.ts";
import { apply, type Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";

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
  const rowWise = x.op.rowWise?.(x.attributes);
  if (rowWise === "every input") return x.inputs.every((input) => hasRows(input, t) || isWhole(input, t));
  const [first, ...others] = x.inputs;
  return rowWise === "first input" && hasRows(first!, t) && others.every((input) => isWhole(input, t));
}

/** Only a size that has a name is distinguished from others. */
const hasRows = (x: Tensor, { shape: [T] }: Tensor) =>
  typeof T === "string" && x.shape.length === 2 && x.shape[0] === T && x.shape[1] !== T;

const isWhole = (x: Tensor, { shape: [T] }: Tensor) => !x.shape.includes(T!);
