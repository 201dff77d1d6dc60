import { HIDDEN } from "../graph/hidden.ts";
import { leadingRows } from "../graph/ops/chunks.ts";
import {
  add,
  and,
  cast,
  equal,
  exp,
  less,
  lessOrEqual,
  mul,
  scale,
  sub,
  where,
} from "../graph/ops/elementwise.ts";
import { rowNumbers } from "../graph/ops/indexing.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { sum } from "../graph/ops/reduce.ts";
import { concat, reshape, slice, transpose } from "../graph/ops/shape.ts";
import { scalar } from "../graph/sources.ts";
import { COMPUTE_TYPE, type Dim, type Shape, type Tensor } from "../graph/tensor.ts";
import type { Sight } from "../models/attention.ts";
import { placeBefore, rowsAt } from "../models/before.ts";
import { type DeltaInputs, deltaRule, type Places } from "../models/delta_rule.ts";

/** What layers keep of tokens. */
export interface Cache {
  /** Of past ones [P, ...shape]. */
  past(what: string, layer: number, shape: Shape): Tensor;
  /** Of new ones [T, ...shape]. */
  add(what: string, layer: number, fresh: Tensor): void;
}

/** Tokens of a chunk: most passes have one token. */
const CHUNK = 16;

/**
 * The delta rule behind past tokens. A memory is the sum of what was learnt at each token's key, decayed since: so the key, what
 * was learnt and how far everything had decayed by then are kept of each token, as keys and values are elsewhere, and the last
 * tokens can be forgotten again.
 */
export function cachedDeltaRule(sight: Sight, positions: Tensor, cache: Cache) {
  let known: NewPlaces | undefined;
  return (layer: number, inputs: DeltaInputs): Tensor => {
    known ??= newPlaces(sight, positions);
    const { q, k, v } = inputs;
    const past = {
      keys: cache.past("key", layer, k.shape.slice(1)), // [P, H, Dk]
      values: cache.past("value", layer, v.shape.slice(1)), // [P, H, G, Dv]
      decayed: cache.past("decayed", layer, [2 * heads(v)]),
    };
    const decayed = decayedSoFar(inputs.decay, past.decayed, known);
    const left = leftOfPast(decayed, past.decayed, v, seenOfPast(sight, past.keys));
    const remembered = (x: Tensor) => {
      const overlaps = matmul(byHead(x), byHead(past.keys), { transB: true }); // [H, 1, T, P]
      return transpose(matmul(mul(overlaps, left), transpose(past.values, [1, 2, 0, 3])), [2, 0, 1, 3]);
    };
    const { read, learnt } = deltaRule({ ...inputs, v: sub(v, remembered(k)) }, known, CHUNK);
    cache.add("key", layer, k);
    cache.add("value", layer, learnt);
    cache.add("decayed", layer, decayed);
    return add(read, remembered(q));
  };
}

const heads = ({ shape: [, H, G] }: Tensor) => (H as number) * (G as number);
const column = (t: Tensor) => reshape(t, [t.shape[0]!, 1]);
const row = (t: Tensor) => reshape(t, [1, t.shape[0]!]);
/** x [R, H, E] -> [H, 1, R, E]. */
const byHead = (x: Tensor) => {
  const [R, H, E] = x.shape as [Dim, number, number];
  return reshape(transpose(x, [1, 0, 2]), [H, 1, R, E]);
};

interface NewPlaces extends Places {
  /** 1 where a new token sees another, 0 elsewhere [T, T]. */
  together: Tensor;
  /** One more than the row of the past token before a sequence's first new one, 0 where there is none: int32 [T]. */
  before: Tensor;
}

function newPlaces(sight: Sight, positions: Tensor): NewPlaces {
  const index = sight.queryIndex;
  const sequence = sub(index, positions); // the same for the tokens of a sequence, and for no others
  const sees = and(equal(column(sequence), row(sequence)), lessOrEqual(row(index), column(index)));
  const count = sum(cast(sees, "int32"), [-1]); // [T, 1]
  return {
    sequence,
    place: reshape(sub(count, scalar(1, count)), [index.shape[0]!]),
    together: cast(sees, COMPUTE_TYPE),
    before: placeBefore(sight, rowNumbers(sight.keyIndex), count),
  };
}

/** Whether new tokens see past ones [T, P]. */
function seenOfPast({ queryIndex, keyIndex, keyEnd }: Sight, past: Tensor): Tensor {
  const i = column(queryIndex);
  const [index, end] = [leadingRows(keyIndex, past), leadingRows(keyEnd, past)];
  return and(lessOrEqual(row(index), i), less(i, row(end)));
}

/** Parts of a logarithm: sums of the first are exact, those of the rest small. */
const PARTS_OF_ONE = 64;

/**
 * The logarithm of what is left of a sequence's beginning, in two parts [T, 2·H·G], since differences of large sums are asked
 * for.
 */
function decayedSoFar(decay: Tensor, past: Tensor, { together, before }: NewPlaces): Tensor {
  const flat = reshape(decay, [decay.shape[0]!, heads(decay)]);
  const coarse = scale(cast(cast(scale(flat, PARTS_OF_ONE), "int32"), flat.dtype), 1 / PARTS_OF_ONE);
  const parts = concat([coarse, sub(flat, coarse)], -1);
  const known = concat([past, scale(parts, 0)], 0, "N"); // never without rows
  return add(rowsAt(known, before), matmul(together, parts));
}

/** What is left of each past token's part of the memory where each new token reads it: [H, G, T, P]. */
function leftOfPast(decayed: Tensor, past: Tensor, v: Tensor, seen: Tensor): Tensor {
  const [, H, G] = v.shape as [Dim, number, number];
  const part = (x: Tensor, i: number) => {
    const own = reshape(slice(x, 1, i * H * G, (i + 1) * H * G), [x.shape[0]!, H, G]);
    return transpose(own, [1, 2, 0]);
  };
  const since = (i: number) => {
    const [now, then] = [part(decayed, i), part(past, i)];
    return sub(reshape(now, [...now.shape, 1]), reshape(then, then.shape.toSpliced(2, 0, 1)));
  };
  const between = add(since(0), since(1));
  return exp(where(seen, between, scalar(HIDDEN, between)));
}
