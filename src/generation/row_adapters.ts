/**
 * Several LoRA adapters in one graph: their A and B lie one behind the other, and of each row only the ranks of its own adapter
 * count. Two products a layer, however many adapters there are.
 */
import type { Adapter } from "../adapters/adapter.ts";
import type { LowRankTerm } from "../adapters/kinds/kind.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import { loraNames } from "../adapters/lora/lora_term.ts";
import type { LayerShape, Sites } from "../adapters/targets/sites.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import { mul } from "../graph/ops/elementwise.ts";
import { addMatmul, matmul } from "../graph/ops/matmul.ts";
import { input } from "../graph/sources.ts";
import type { Model } from "../models/family.ts";
import { frozenParameters } from "../models/frozen.ts";
import { createScope, type LinearHook } from "../models/scope.ts";
import type { TensorData } from "../runtime/session.ts";
import { floats } from "../runtime/tensor_data.ts";
import type { Piece } from "./decoder.ts";
import type { AdaptedModel } from "./runtime_adapter.ts";

/** An adapter whose rows may lie beside those of others. */
export interface RowAdapter {
  terms: ReadonlyMap<string, LowRankTerm>;
  /** The largest rank of them. */
  r: number;
}

/** The adapter as its rows are computed beside others'; nothing where it is more than low-rank terms of linear layers. */
export function rowAdapter(adapter: Adapter, { linears }: Sites): RowAdapter | undefined {
  const { parameters, tokens, stored } = adapter;
  const terms = parameters || tokens || stored ? undefined : kindOf(adapter).lowRank?.(adapter);
  if (!terms || ![...terms.keys()].every((module) => linears.has(module))) return undefined;
  return { terms, r: Math.max(...Array.from(terms.values(), ({ r }) => r)) };
}

/** The model with terms at the modules of `shapes`: of R ranks in all, of which `share` [T, R] says those that count for a row. */
export function stackedModel(
  model: Model,
  tensors: ReadonlyMap<string, TensorEntry>,
  shapes: ReadonlyMap<string, LayerShape>,
): AdaptedModel {
  const share = input(SHARE, ["T", "R"]);
  const linear: LinearHook = (module, x, y) => {
    const shape = shapes.get(module);
    if (!shape) return y;
    const names = loraNames(module);
    const [A, B] = [input(names.A, ["R", shape.in]), input(names.B, ["R", shape.out])];
    return addMatmul(y, mul(matmul(x, A, { transB: true }), share), B);
  };
  return { model, scope: createScope(frozenParameters(tensors), { linear }) };
}

const SHARE = "share";

/** What `stackedModel` is fed for `adapters`, in every pass: A [R, in] and scale · B transposed, [R, out], of each module. */
export function stackedTerms(
  adapters: readonly RowAdapter[],
  shapes: ReadonlyMap<string, LayerShape>,
): Record<string, TensorData> {
  const R = ranksOf(adapters);
  const feeds: Record<string, TensorData> = {};
  for (const [module, { in: inputs, out }] of shapes) {
    const [A, B] = [new Float32Array(R * inputs), new Float32Array(R * out)];
    let from = 0;
    for (const { terms, r } of adapters) {
      const term = terms.get(module);
      if (term) {
        A.set(term.A, from * inputs);
        writeTurned(B.subarray(from * out), term);
      }
      from += r;
    }
    const names = loraNames(module);
    feeds[names.A] = floats(A, [R, inputs]);
    feeds[names.B] = floats(B, [R, out]);
  }
  return feeds;
}

/** Writes scale · Bᵀ [r, out] for B [out, r]. */
function writeTurned(to: Float32Array, { B, r, out, scale }: LowRankTerm): void {
  for (let row = 0; row < out; row++)
    for (let rank = 0; rank < r; rank++) to[rank * out + row] = scale * B[row * r + rank]!;
}

/** What it is fed for the rows of `pieces`: 1 at the ranks of a row's own adapter. */
export function stackedShare(
  pieces: readonly Piece[],
  adapters: readonly RowAdapter[],
): Record<string, TensorData> {
  const [R, T] = [ranksOf(adapters), pieces.reduce((n, { tokens }) => n + tokens.length, 0)];
  const share = new Float32Array(T * R);
  const starts = new Map<RowAdapter, number>();
  let [from, row] = [0, 0];
  for (const adapter of adapters) {
    starts.set(adapter, from);
    from += adapter.r;
  }
  for (const { tokens, adapter } of pieces)
    for (let i = 0; i < tokens.length; i++, row++) {
      if (!adapter) continue;
      const start = row * R + starts.get(adapter)!;
      share.fill(1, start, start + adapter.r);
    }
  return { [SHARE]: floats(share, [T, R]) };
}

const ranksOf = (adapters: readonly RowAdapter[]) => adapters.reduce((n, { r }) => n + r, 0);
