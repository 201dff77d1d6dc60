/** A row of a data file, or why it can't be read. */
export type DataRow = { row: number; value: unknown } | { row: number; problem: string };

/** Bytes a row may have: what a row needs in memory is a few times that. */
export const ROW_LIMIT = 64 * 2 ** 20;
