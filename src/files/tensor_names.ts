/** The layer that a weight is of. */
export const moduleOf = (weight: string): string => weight.replace(/\.weight$/, "");
