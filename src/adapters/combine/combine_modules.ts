/** Combines the low-rank terms of one module, as PEFT's tuners/lora/model.py does. */
import { type Matrix, multiply, transposeMatrix } from "../../math/matrix.ts";
import { type Svd, truncate } from "../../math/svd.ts";
import { productSvd, truncatedSvd } from "../../math/truncated_svd.ts";
import type { LoraWeights } from "../kinds/lora.ts";
import { type CombineValuesOptions, combineValues } from "./combine_values.ts";
import type { MethodTraits } from "./methods.ts";

/** A module's term in one adapter, and what it counts for. */
export interface WeighedTerm {
  weights: LoraWeights;
  /** alpha / r. */
  scale: number;
  /** What the adapter counts for. */
  weight: number;
  /** Random numbers of the adapter and module, uniform over [0, 1), by what they are for and index. */
  uniform: (purpose: string, index: number) => number;
}

export interface CombineOptions extends CombineValuesOptions {
  of: MethodTraits["of"];
  /** Standard normal numbers by index, for the SVD of large matrices. */
  normal: (index: number) => number;
}

interface Factors {
  A: Float32Array; // [r, in]
  B: Float32Array; // [out, r]
}

/** The combined term of rank `r`, which counts once: what adds up to a lower rank is filled up with zeros. */
export function combineTerms(terms: readonly WeighedTerm[], r: number, options: CombineOptions): LoraWeights {
  const { in: inputs, out, embedding } = terms[0]!.weights;
  const combine = { ranks: concatenated, factors: combinedFactors, products: combinedProducts }[options.of];
  return { ...combine(terms, r, options), r, in: inputs, out, ...(embedding && { embedding }) };
}

/** [w₁·s₁·A₁; w₂·s₂·A₂; …] and [B₁, B₂, …]: exactly the sum of the products. */
function concatenated(terms: readonly WeighedTerm[], r: number): Factors {
  const { in: inputs, out } = terms[0]!.weights;
  const [A, B] = [new Float32Array(r * inputs), new Float32Array(out * r)];
  let row = 0;
  for (const { weights, scale, weight } of terms) {
    A.set(
      weights.A.map((value) => value * weight * scale),
      row * inputs,
    );
    for (let o = 0; o < out; o++) B.set(weights.B.subarray(o * weights.r, (o + 1) * weights.r), o * r + row);
    row += weights.r;
  }
  return { A, B };
}

/** A and B each for itself, weighed by the root of weight · scale: what they multiply to is no sum of products. */
function combinedFactors(terms: readonly WeighedTerm[], _: number, options: CombineOptions): Factors {
  const combined = (part: "A" | "B") => {
    const tasks = terms.map(({ weights, scale, weight, uniform }) => ({
      values: weights[part],
      weight: Math.sqrt(Math.abs(weight * scale)) * (part === "A" && weight < 0 ? -1 : 1), // the sign once
      uniform: (index: number) => uniform(part, index),
    }));
    return Float32Array.from(combineValues(tasks, options));
  };
  return { A: combined("A"), B: combined("B") };
}

/** The best factors of rank r of what the products combine to: B = U·S, A = Vᵀ. */
function combinedProducts(terms: readonly WeighedTerm[], r: number, options: CombineOptions): Factors {
  const { U, S, V } =
    options.prune || options.sum === "agreeing"
      ? svdOfCombined(terms, r, options)
      : svdOfSum(terms, r, options);
  const { in: inputs, out } = terms[0]!.weights;
  const [A, B] = [new Float32Array(r * inputs), new Float32Array(out * r)];
  for (let k = 0; k < S.length; k++) {
    for (let i = 0; i < inputs; i++) A[k * inputs + i] = V.data[i * S.length + k]!;
    for (let o = 0; o < out; o++) B[o * r + k] = U.data[o * S.length + k]! * S[k]!;
  }
  return { A, B };
}

/** Of the plain sum, without the product of the factors where those are thin. */
function svdOfSum(terms: readonly WeighedTerm[], r: number, options: CombineOptions): Svd {
  const { in: inputs, out } = terms[0]!.weights;
  const rank = terms.reduce((n, { weights }) => n + weights.r, 0);
  if (rank > Math.min(inputs, out)) return svdOfCombined(terms, r, options);
  const { A, B } = concatenated(terms, rank);
  const At = transposeMatrix({ rows: rank, columns: inputs, data: A });
  return truncate(productSvd({ rows: out, columns: rank, data: B }, At), r);
}

function svdOfCombined(terms: readonly WeighedTerm[], r: number, options: CombineOptions): Svd {
  const { in: inputs, out } = terms[0]!.weights;
  const tasks = terms.map(({ weights, scale, weight, uniform }) => ({
    values: product(weights).map((value) => value * scale),
    weight,
    uniform: (index: number) => uniform("B·A", index),
  }));
  return truncatedSvd({ rows: out, columns: inputs, data: combineValues(tasks, options) }, r, options.normal);
}

function product({ A, B, r, in: inputs, out }: LoraWeights): Float64Array {
  const matrix = (rows: number, columns: number, data: Float32Array): Matrix => ({ rows, columns, data });
  return multiply(matrix(out, r, B), matrix(r, inputs, A)).data as Float64Array;
}
