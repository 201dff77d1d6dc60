/** Mixtures of experts: T tokens, n experts, k of them for each token, R = T·k rows of tokens by their experts. */
import { HIDDEN } from "../graph/hidden.ts";
import { add, cast, div, equal, less, mul, neg, shift, where } from "../graph/ops/elementwise.ts";
import { fromPlaces, inverseOrder, toPlaces } from "../graph/ops/grouped.ts";
import { expertsMatmul } from "../graph/ops/grouped_quantized.ts";
import { gather } from "../graph/ops/indexing.ts";
import { addMatmul, matmul } from "../graph/ops/matmul.ts";
import { max, sum } from "../graph/ops/reduce.ts";
import { concat, reshape, slice } from "../graph/ops/shape.ts";
import { softmax } from "../graph/ops/softmax.ts";
import { sumBefore } from "../graph/ops/sum_before.ts";
import { constant, scalar } from "../graph/sources.ts";
import type { Dim, Tensor } from "../graph/tensor.ts";
import { type ActivationName, notComputed } from "./config.ts";
import type { Pass } from "./family.ts";
import { activate, GATED } from "./layers.ts";
import type { ExpertsProduct, Scope } from "./scope.ts";

/** Where tokens go: for each of their k choices a condition [T, n] that holds for one expert; and what it counts, [T, k]. */
export interface Routing {
  chosen: readonly Tensor[];
  weights: Tensor;
}

/** Experts by the softmax of `scores` [T, n]; what the chosen ones count adds up to 1 where it is `normalized`. */
export function routeBySoftmax(
  scores: Tensor,
  { chosen: k, normalized }: { chosen: number; normalized: boolean },
): Routing {
  const shares = softmax(scores);
  const chosen = largest(shares, k);
  const kept = ofChosen(chosen, shares);
  return { chosen, weights: normalized ? div(kept, sum(kept, [-1])) : kept };
}

/** Experts by `scores` [T, n], which count by the softmax of those that are chosen. */
export function routeByChosen(scores: Tensor, k: number): Routing {
  const chosen = largest(scores, k);
  return { chosen, weights: softmax(ofChosen(chosen, scores)) };
}

/**
 * Experts by `scores` [T, n], which are their shares with a bias that counts for the choice alone. What the chosen ones count is
 * divided by their sum, or by `least` where that is more.
 */
export function routeWithBias(shares: Tensor, scores: Tensor, k: number, least?: number): Routing {
  const chosen = largest(scores, k);
  const kept = ofChosen(chosen, shares);
  if (least === undefined) return { chosen, weights: kept };
  const total = sum(kept, [-1]);
  return {
    chosen,
    weights: div(kept, where(less(total, scalar(least, total)), scalar(least, total), total)),
  };
}

export interface ExpertGroups {
  experts: number;
  /** Experts for each token. */
  chosen: number;
  groups: number;
  /** Groups that a token's experts are of. */
  kept: number;
  /** A group counts the sum of so many of its largest scores. */
  best: number;
}

/** @throws AttuneError where experts don't make such groups. */
export function checkGroups({ experts, chosen, groups, kept, best }: ExpertGroups): void {
  if (groups === 1 && chosen <= experts) return;
  const size = experts / groups;
  const refuse = (place: string, expected: string, got: number) =>
    notComputed([{ place, expected, got: String(got) }]);
  if (!Number.isInteger(size) || size < best)
    throw refuse("n_group", `groups of the same size, ${best} or more, of ${experts} experts`, groups);
  if (kept > groups) throw refuse("topk_group", `at most n_group, ${groups}`, kept);
  const most = kept * size;
  if (chosen > most)
    throw refuse("num_experts_per_tok", `at most ${most}, the experts of topk_group groups`, chosen);
}

/** `scores` [T, n], hidden where they aren't of each token's best groups. */
export function ofBestGroups(scores: Tensor, { experts, groups, kept, best }: ExpertGroups): Tensor {
  if (groups === 1) return scores;
  const size = experts / groups;
  const counts = Array.from({ length: groups }, (_, g) => {
    const own = slice(scores, 1, g * size, (g + 1) * size);
    return sum(ofChosen(largest(own, best), own), [-1]);
  });
  const one = constant([1], []);
  const isKept = largest(concat(counts, 1), kept)
    .map((group) => where(group, one, scalar(0, one)))
    .reduce((total, group) => add(total, group)); // [T, groups]
  const members = constant(
    Array.from({ length: groups * experts }, (_, i) =>
      Number(Math.floor(i / experts) === Math.floor((i % experts) / size)),
    ),
    [groups, experts],
  );
  return where(less(scalar(0, one), matmul(isKept, members)), scores, scalar(HIDDEN, scores));
}

/** The k largest of each row of x [T, n], the first of equals before the others. */
export function largest(x: Tensor, k: number): Tensor[] {
  const n = x.shape[1] as number;
  const places = constant([...Array(n).keys()], [1, n]);
  const found: Tensor[] = [];
  let rest = x;
  for (let i = 0; i < k; i++) {
    const candidates = where(equal(rest, max(rest, [-1])), places, scalar(n, places));
    const one = equal(places, neg(max(neg(candidates), [-1])));
    found.push(one);
    rest = where(one, scalar(HIDDEN, x), rest);
  }
  return found;
}

/** What each choice has of x [T, n]: [T, k]. */
export const ofChosen = (chosen: readonly Tensor[], x: Tensor): Tensor =>
  concat(
    chosen.map((one) => sum(where(one, x, scalar(0, x)), [-1])),
    1,
  );

/** Tokens by their experts, each expert's one behind the other. */
export interface ExpertRows {
  /** [R, D]. */
  rows: Tensor;
  product: ExpertsProduct;
  /** Each row's entry of `table` [n, ...]: [R, ...]. */
  own(table: Tensor): Tensor;
}

/**
 * Σ weight · expert(x) over the experts each token of x [T, D] goes to. Each expert computes its own tokens alone, and a row of
 * zeros where the pass needs one.
 */
export function mixtureOfExperts(
  { spareRows }: Pass,
  x: Tensor,
  { chosen, weights }: Routing,
  experts: (own: ExpertRows) => Tensor,
): Tensor {
  const [T, D] = x.shape as [Dim, number];
  const [n, k] = [chosen[0]!.shape[1] as number, chosen.length];
  const { places, counts } = placesOf(chosen, n, spareRows);
  const order = inverseOrder(places, { spare: n * spareRows });
  const numbers = constant([...Array(n).keys()], [1, n]);
  const y = experts({
    rows: toPlaces(reshape(x, [T, 1, D]), order, places),
    product: (rows, matrices, turned = true) => expertsMatmul(rows, counts, matrices, { turned }),
    own: (table) => gather(table, toPlaces(cast(ofChosen(chosen, numbers), "int32"), order, places)),
  });
  const parts = fromPlaces(y, order, places); // [T, k, D]
  return reshape(sum(mul(parts, reshape(weights, [T, k, 1])), [1]), [T, D]);
}

/** The place of each token's choices among all, by expert and then by token (int32 [T, k]), and how many each expert has [n]. */
function placesOf(
  chosen: readonly Tensor[],
  n: number,
  spareRows: number,
): { places: Tensor; counts: Tensor } {
  const one = constant([1], []);
  const goes = chosen.map((c) => where(c, one, scalar(0, one))).reduce((total, c) => add(total, c)); // [T, n]
  const counts = shift(sum(goes, [0]), spareRows); // [1, n]
  const earlier = constant(
    Array.from({ length: n * n }, (_, i) => Number(Math.floor(i / n) < i % n)),
    [n, n],
  );
  const place = addMatmul(sumBefore(goes, { reverse: false }), counts, earlier);
  return { places: cast(ofChosen(chosen, place), "int32"), counts: reshape(counts, [n]) };
}

export interface GatedExperts {
  count: number;
  /** Each expert's intermediate size. */
  size: number;
  activation: ActivationName;
}

/**
 * Experts that are gated MLPs, each with weights of its own, which transformers keeps in two parameters at `q`. There adapters find
 * them.
 */
export function gatedExperts(p: Scope, { count, size, activation }: GatedExperts, names = GATED, q = p) {
  const weights = (name: string, shape: readonly number[]) =>
    Array.from({ length: count }, (_, i) => p.at(`${i}.${name}`).param("weight", shape));
  return ({ rows, product }: ExpertRows): Tensor => {
    const D = rows.shape[1] as number;
    const layer = { count, product, turned: true };
    const into = [weights(names.gate, [size, D]), weights(names.up, [size, D])];
    const [gate, up] = q.experts("gate_up_proj", rows, { ...layer, parts: into }) as [Tensor, Tensor];
    const inner = mul(activate(activation, gate), up);
    return q.experts("down_proj", inner, { ...layer, parts: [weights(names.down, [D, size])] })[0]!;
  };
}

/**
 * The same of experts whose gate and up are one matrix, and which lie in one tensor each: `into` [n, 2F, D] and `down` [n, D, F].
 * At `q` transformers has them, as above.
 */
export const fusedExperts =
  (q: Scope, { into, down }: { into: Tensor; down: Tensor }, { count, size, activation }: GatedExperts) =>
  ({ rows, product }: ExpertRows): Tensor => {
    const layer = { count, product, turned: true };
    const both = q.experts("gate_up_proj", rows, { ...layer, parts: [[into]] })[0]!;
    const gate = activate(activation, slice(both, 1, 0, size));
    return q.experts("down_proj", mul(gate, slice(both, 1, size, 2 * size)), {
      ...layer,
      parts: [[down]],
    })[0]!;
  };
