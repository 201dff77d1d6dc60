/**
 * Stands for -∞ among scores and logarithms: far below any, and finite. exp gives an exact zero, no provider meets an infinity, and a
 * query that sees nothing, in the padding, still computes numbers.
 */
export const HIDDEN = -1e30;
