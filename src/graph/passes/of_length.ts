import { isInput } from "../sources.ts";
import { apply, type Dim, type Shape, type Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";
import { rewrite } from "./rewrite.ts";
import { isOfRow, sizeOfDim } from "./row_sizes.ts";

type Outputs = Readonly<Record<string, Tensor>>;

/** The graph of `outputs` for rows of `T` tokens: sizes that follow from that are numbers. */
export function ofLength(outputs: Outputs, T: number): Record<string, Tensor> {
  const size = (dim: Dim): Dim => (isOfRow(dim) ? sizeOfDim(dim, { T, S: 0 }) : dim);
  return rewrite(outputs, (t, inputs) => {
    const { shape, dim } = t.attributes as { shape?: Shape; dim?: Dim };
    const isNamed = [...(shape ?? []), ...(dim === undefined ? [] : [dim])].some(isOfRow);
    if (!isNamed) return undefined;
    const sized = { ...(shape && { shape: shape.map(size) }), ...(dim !== undefined && { dim: size(dim) }) };
    return apply(t.op, inputs, { ...t.attributes, ...sized });
  });
}

/** The input whose first size is the row's length, where a GPU computes a graph of these outputs for one length at a time. */
export function lengthInput(outputs: Outputs): string | undefined {
  const all = reachable(Object.values(outputs));
  if (!all.some(({ op }) => op.unrolledOnGpu)) return undefined;
  return all.filter(isInput).find(({ shape: [first] }) => first === "T")?.attributes.name;
}
