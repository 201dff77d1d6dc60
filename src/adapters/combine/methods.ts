/** How adapters are combined: the names that PEFT's `add_weighted_adapter` takes as `combination_type`. */
export const COMBINE_METHODS = [
  "linear",
  "cat",
  "svd",
  "ties",
  "ties_svd",
  "dare_linear",
  "dare_linear_svd",
  "dare_ties",
  "dare_ties_svd",
  "magnitude_prune",
  "magnitude_prune_svd",
] as const;
export type CombineMethod = (typeof COMBINE_METHODS)[number];

/** What a method is made of. */
export interface MethodTraits {
  /**
   * What is combined: the factors A and B each for themselves, their products, of which an SVD makes factors again, or
   * nothing, the factors laid side by side.
   */
  of: "factors" | "products" | "ranks";
  /** Which values are left out first. */
  prune?: "smallest" | "random";
  /** How the rest is added up: all of it, or what agrees with the majority's sign. */
  sum: "all" | "agreeing";
}

export function methodTraits(method: CombineMethod): MethodTraits {
  return {
    of: method === "cat" ? "ranks" : method.endsWith("svd") ? "products" : "factors",
    prune: method.startsWith("dare") ? "random" : /^(ties|magnitude)/.test(method) ? "smallest" : undefined,
    sum: method.includes("ties") ? "agreeing" : "all",
  };
}
