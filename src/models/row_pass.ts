import { blockAttention, firstSeen } from "../graph/ops/block_attention.ts";
import { add, and, less, lessOrEqual, sub } from "../graph/ops/elementwise.ts";
import { gather } from "../graph/ops/indexing.ts";
import { reshape } from "../graph/ops/shape.ts";
import { constant, input } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { attention, attentionMask, byWindow, largestSeen } from "./attention.ts";
import { distances, moved, rowsBefore } from "./before.ts";
import { deltaRule } from "./delta_rule.ts";
import type { Pass } from "./family.ts";

export interface RowPass extends Pass {
  /** Whether sequences may share what was computed so far: it knows branches, and doesn't depend on what comes after. */
  shareable(): boolean;
}

/** Tokens of a chunk of the delta rule. */
const CHUNK = 64;

export interface RowPassOptions {
  /** Changes the embeddings [T, D]. */
  noise?: (x: Tensor) => Tensor;
  /** Queries of a block of attention; the row is one where left out. */
  block?: number;
}

/**
 * A pass over one row of T tokens, as trained on and scored: sequences, or trees of them, side by side, each token
 * seeing its own past. Fed `tokens` (int64), `positions`, `ends` and `index` (int32), all [T].
 */
export function rowPass({ noise = (x) => x, block }: RowPassOptions = {}): RowPass {
  const [index, ends] = [input("index", ["T"], "int32"), input("ends", ["T"], "int32")];
  const positions = input("positions", ["T"], "int32");
  const sight = {
    queryIndex: index,
    keyIndex: index,
    keyEnd: ends,
    queryPosition: positions,
    keyPosition: positions,
  };
  const maskOf = byWindow((window) => attentionMask(sight, window));
  const firstOf = block && byWindow((window) => firstSeen({ index, ends, positions }, block, window));
  const before = rowsBefore(sight, index);
  const one = constant([1], [], "int32");
  const tokens = input("tokens", ["T"], "int64");
  let [lengthsRead, isRecurrent] = [false, false];
  return {
    tokens,
    positions,
    spareRows: 1, // next to nothing beside a row's tokens
    embed: (weight) => noise(gather(weight, tokens)),
    attend(_, q, k, v, { window, ...options }) {
      if (!block || !firstOf) return attention(q, k, v, maskOf(window), options);
      const { sinks, ...scores } = options;
      const attributes = { window, ...scores, block };
      return blockAttention(q, k, v, firstOf(window), index, ends, positions, sinks, attributes);
    },
    before(_, x, count, { sideBySide }) {
      if (sideBySide) isRecurrent = true;
      return distances(count).map((distance) =>
        sideBySide ? moved(x, positions, distance) : before(x, distance),
      );
    },
    deltaRule(_, inputs) {
      isRecurrent = true;
      const places = { sequence: sub(index, positions), place: positions };
      return deltaRule(inputs, places, CHUNK).read;
    },
    shareable: () => !lengthsRead && !isRecurrent,
    lengths() {
      lengthsRead = true;
      const [own, others] = [reshape(index, ["T", 1]), reshape(index, [1, "T"])];
      const behind = and(lessOrEqual(own, others), less(others, reshape(ends, ["T", 1])));
      return largestSeen(behind, add(positions, one));
    },
  };
}
