import type { Row, State } from "./store.ts";

const ALPACA = ["instruction", "input", "output"];
const LOOKED_AT = 50; // rows
const MOST_FIELDS = 6;

/** The columns of rows that a table can show; undefined of those that hold lists or objects. */
export function fieldsOf(rows: readonly Row[]): string[] | undefined {
  const some = rows.slice(0, LOOKED_AT);
  const fields = [...new Set(some.flatMap(Object.keys))];
  if (fields.length === 0) return ALPACA;
  const isFlat = some.every((row) =>
    Object.values(row).every((value) => typeof value !== "object" || value === null),
  );
  return isFlat && fields.length <= MOST_FIELDS ? fields : undefined;
}

/** A row that a table can't show, as text: a conversation's turns, or JSON. */
export function textOfRow(row: Row): string {
  const turns = [row.messages, row.conversations].find(Array.isArray) as Row[] | undefined;
  const lines = turns?.map(({ role, from, content, value }) => [role ?? from, content ?? value]);
  const isPlain = lines?.every((line) => line.every((part) => typeof part === "string"));
  return isPlain ? lines!.map((line) => line.join(": ")).join("\n") : JSON.stringify(row, null, 1);
}

/** Whether rows are of columns whose names no format knows: they can be chosen from. */
export const canChooseColumns = (rows: readonly Row[]): boolean => (fieldsOf(rows)?.length ?? 0) >= 2;

/** The page asks which columns hold question and answer: no format has such. */
export const asksForColumns = ({ check, rows }: Pick<State, "check" | "rows">): boolean =>
  check.failure?.code === "data.unknown-format" && canChooseColumns(rows);

/** A row to be filled in, of the same fields. */
export const blankRow = (rows: readonly Row[]): Row =>
  Object.fromEntries((fieldsOf(rows) ?? ALPACA).map((field) => [field, ""]));

/** The rows that say something, and where in the table they are. */
export function usedRows(rows: readonly Row[]): { rows: Row[]; places: number[] } {
  const places = rows.flatMap((row, i) => (Object.values(row).some((value) => value !== "") ? [i] : []));
  return { rows: places.map((i) => rows[i]!), places };
}

/** What a row asks, as text; "" of what asks nothing. */
export function questionOf(row: Row, column?: string): string {
  if (column) return textOf(row[column]);
  const asked = [row.instruction, row.input].map(textOf).filter((text) => text !== "");
  if (asked.length > 0) return asked.join("\n\n");
  const messages = Array.isArray(row.messages) ? row.messages : [];
  return textOf(row.prompt) || textOf(messages.find((message) => message?.role === "user")?.content);
}

const textOf = (value: unknown) => (typeof value === "string" ? value : "");
