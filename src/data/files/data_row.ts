/** A row of a data file, or why it can't be read. */
export type DataRow = WholeRow | { row: number; problem: string };

export interface WholeRow {
  row: number;
  value: unknown;
  /** It is a piece of a plain text document: the text goes on in the next row, of the same number. */
  more?: true;
}

/** Bytes a row may have: what a row needs in memory is a few times that. */
export const ROW_LIMIT = 64 * 2 ** 20;
