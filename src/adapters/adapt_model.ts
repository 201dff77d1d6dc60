import { add, cast, equal, mul, sub } from "../graph/ops/elementwise.ts";
import { gather, scatterAdd } from "../graph/ops/indexing.ts";
import { addMatmul, matmul } from "../graph/ops/matmul.ts";
import { concat, reshape, transpose } from "../graph/ops/shape.ts";
import { constant } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { DecoderOutput, Model, Pass } from "../models/family.ts";
import {
  createScope,
  type ExpertsHook,
  type LinearHook,
  type ParameterSource,
  type Scope,
} from "../models/scope.ts";
import { doraGain, dropped, type LoraTerm, type TermSource } from "./lora/lora_term.ts";

/** The parts of an adapter as tensors of a graph: fed, trained or fixed. */
export interface AdapterParts {
  /** What it makes of linear layers. */
  hook: LinearHook;
  /** What it makes of the experts of mixtures. */
  experts?: ExpertsHook;
  /** Low-rank terms, those of the ends too; of the embedding with in = vocabulary, out = hidden. */
  term: TermSource;
  /** What a parameter of the base is multiplied by. */
  gain(name: string): Tensor | undefined;
  /** A parameter the adapter has of its own, in place of the base's. */
  parameter(name: string): Tensor | undefined;
  /** Rows [n, D] of a module's weight that the adapter has of its own. */
  rows(module: string): TokenRowsTensor | undefined;
}

export interface TokenRowsTensor {
  indices: readonly number[];
  rows: Tensor;
}

/** The model's scope under an adapter: its parameters in the place of the base's, its terms on linear layers. */
export const adaptedScope = (base: ParameterSource, parts: AdapterParts, embedding: string): Scope =>
  createScope(adaptParameters(base, parts, embedding), { linear: parts.hook, experts: parts.experts });

/** The embedding's weight stays: a tied head reads it, too. */
const adaptParameters =
  (base: ParameterSource, { parameter, gain }: AdapterParts, embedding: string): ParameterSource =>
  (name, shape) => {
    const own = name === `${embedding}.weight` ? undefined : parameter(name);
    const value = own ?? base(name, shape);
    const factor = gain(name);
    return factor ? mul(value, factor) : value;
  };

/** The model whose embedding and output layer are the adapter's; its linear layers are the scope's business. */
export function adaptModel(model: Model, parts: AdapterParts): Model {
  return {
    ...model,
    decode(scope, pass) {
      const embed = (weight: Tensor) => embeddedRows(model, parts, pass, weight);
      return adaptHead(model, parts, model.decode(scope, { ...pass, embed }));
    },
  };
}

/** Embedded tokens [T, D]. */
function embeddedRows({ ends, dimensions }: Model, parts: AdapterParts, pass: Pass, base: Tensor): Tensor {
  const weight = parts.parameter(`${ends.embedding}.weight`) ?? base;
  const { vocabSize, hiddenSize } = dimensions;
  const own = parts.rows(ends.embedding);
  const term = parts.term(ends.embedding, { in: vocabSize, out: hiddenSize });
  let rows = pass.embed(weight);
  if (own) rows = replacedRows(rows, weight, own, pass.tokens);
  return term ? embeddingTerm(rows, weight, term, pass.tokens) : rows;
}

/** `rows` [T, D], those of the adapter's tokens exchanged: what each differs by is added where its token stands. */
function replacedRows(rows: Tensor, weight: Tensor, own: TokenRowsTensor, tokens: Tensor): Tensor {
  const n = own.indices.length;
  const places = constant([...own.indices], [n], "int64");
  const change = sub(own.rows, gather(weight, places)); // [n, D]
  const isOwn = equal(reshape(tokens, [tokens.shape[0]!, 1]), reshape(places, [1, n])); // [T, n]
  return addMatmul(rows, cast(isOwn, change.dtype), change);
}

/** e + scale · B·A[:, token], A [r, V]; with magnitudes, times the gain. No dropout, as in PEFT. */
function embeddingTerm(rows: Tensor, weight: Tensor, term: LoraTerm, tokens: Tensor): Tensor {
  const { A, B, scale: factor, magnitude } = term;
  const low = gather(transpose(A, [1, 0]), tokens); // [T, r]
  const sum = addMatmul(rows, low, B, { transB: true, alpha: factor });
  return magnitude ? mul(sum, doraGain({ weight, transposed: true }, { ...term, magnitude })) : sum;
}

/**
 * The low-rank term of the output layer W [V, D] makes it wider: [W, B]·[x; scale·A·x] has the logits of both.
 */
function adaptHead(
  { ends, tied, dimensions }: Model,
  parts: AdapterParts,
  output: DecoderOutput,
): DecoderOutput {
  const { vocabSize, hiddenSize } = dimensions;
  const own = tied ? parts.parameter(`${ends.head}.weight`) : undefined;
  const tokens = parts.rows(ends.head) ?? (tied ? parts.rows(ends.embedding) : undefined);
  const whole = own ?? output.head;
  const head = tokens ? withRows(whole, tokens) : whole;
  const term = parts.term(ends.head, { in: hiddenSize, out: vocabSize });
  return term ? { ...output, ...widened(output.hidden, head, term) } : { ...output, head };
}

/** `weight` [V, D] with the adapter's rows in place of its own. */
function withRows(weight: Tensor, { indices, rows }: TokenRowsTensor): Tensor {
  const [V] = weight.shape as [number];
  const places = constant([...indices], [indices.length], "int64");
  const mask = new Array<number>(V).fill(1);
  for (const index of indices) mask[index] = 0;
  return add(mul(weight, constant(mask, [V, 1])), scatterAdd(weight, places, rows));
}

/** hidden [T, D + r], head [V, D + r]; with magnitudes and dropout both have DoRA's middle term, too. */
function widened(hidden: Tensor, head: Tensor, term: LoraTerm): Pick<DecoderOutput, "hidden" | "head"> {
  const kept = dropped(hidden, term);
  const low = matmul(kept, term.A, { transB: true, alpha: term.scale }); // [T, r]
  if (!term.magnitude) return { hidden: concat([hidden, low], 1), head: concat([head, term.B], 1) };
  const gain = doraGain({ weight: head, transposed: false }, { ...term, magnitude: term.magnitude });
  const column = reshape(gain, [gain.shape[0]!, 1]); // [V, 1]
  if (!term.dropout)
    return { hidden: concat([hidden, low], 1), head: mul(concat([head, term.B], 1), column) };
  const change = sub(mul(head, column), head); // (gain - 1) · W
  return { hidden: concat([hidden, kept, low], 1), head: concat([head, change, mul(term.B, column)], 1) };
}
