import { apply, type Op, type Tensor } from "../tensor.ts";
import { headParts } from "./frozen_head.ts";
import { matmul } from "./matmul.ts";
import { slice } from "./shape.ts";

/** A float32 names each token id exactly up to here. */
const MOST_IDS = 2 ** 24;

/**
 * The id of the largest logit, hidden · headᵀ, row by row; of several the first. hidden [S, D], head [V, D] -> [S, 1]. A large
 * frozen head is read in parts, so that no logits of a whole vocabulary are in memory. A soft cap changes nothing.
 */
export function likeliestIds(hidden: Tensor, head: Tensor, headTokens?: number): Tensor {
  const V = head.shape[0] as number;
  if (V > MOST_IDS) throw new Error(`a vocabulary of ${V} tokens is beyond what float32 counts`);
  let [best, offset]: [Tensor | undefined, number] = [undefined, 0];
  for (const part of headParts(head, headTokens) ?? [head]) {
    const logits = matmul(hidden, part, { transB: true }); // [S, V / parts]
    best = apply(takeLargest, best ? [logits, best] : [logits], { offset });
    offset += part.shape[0] as number;
  }
  return slice(best!, 1, 1, 2);
}

/** The largest logit so far and its id, [S, 2], with a part's logits [S, n] taken in. */
const takeLargest: Op = {
  name: "takeLargest",
  infer: ([logits]: Tensor[]) => ({ dtype: logits!.dtype, shape: [logits!.shape[0]!, 2] }),
  lower(w, [logits, before]: string[], { offset }: { offset: number }) {
    const largest = w.node("ReduceMax", [logits!, w.ints([1])], { keepdims: 1 });
    const place = w.node("Cast", [w.node("ArgMax", [logits!], { axis: 1, keepdims: 1 })], { to: 1 });
    const id = w.node("Add", [place, w.scalar(offset, "float32")]);
    if (before === undefined) return w.node("Concat", [largest, id], { axis: 1 });
    const [most, known] = w.nodes("Split", [before, w.ints([1, 1])], { axis: 1 }, 2);
    const isMore = w.node("Greater", [largest, most!]);
    const ids = w.node("Where", [isMore, id, known!]);
    return w.node("Concat", [w.node("Max", [most!, largest]), ids], { axis: 1 });
  },
  vjp: (inputs: Tensor[]) => inputs.map(() => null),
};
