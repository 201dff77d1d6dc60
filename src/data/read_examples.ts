import { AttuneError } from "../errors.ts";
import type { Example } from "./example.ts";
import { alpaca } from "./formats/alpaca.ts";
import { completion } from "./formats/completion.ts";
import { messages } from "./formats/messages.ts";
import { describeValue, isRow, own, type RowFormat } from "./formats/row_fields.ts";
import { text } from "./formats/text.ts";
import { type DataFile, type DataRow, holdsRows, readRows } from "./read_rows.ts";

const FORMATS = { alpaca, messages, completion, text } satisfies Record<string, RowFormat<Example>>;

export type Format = keyof typeof FORMATS;

/** The formats' names, for schemas and messages. */
export const formatNames = Object.keys(FORMATS) as Format[];

/**
 * Reads a file of examples: a JSON list or JSONL of rows, or plain text, which is one document. Every row has to be of
 * the format, which is told from the first row's keys when left out.
 * @throws AttuneError naming file and row: broken JSON, an unknown format, missing keys, wrong types, no rows at all.
 */
export function readExamples(file: DataFile, format?: Format): Example[] {
  const data = { ...file, text: file.text.replace(/^\uFEFF/, "") };
  if ((format ?? "text") === "text" && !holdsRows(data)) return [readDocument(data)];
  const rows = readRows(data);
  const reader = format === undefined ? recognise(data, rows[0]!) : byName(format);
  return rows.map(({ value, row }) => {
    if (!isRow(value))
      throw new AttuneError(`${file.name} row ${row}: expected an object, got ${describeValue(value)}`);
    return reader.read(value, { file: file.name, row });
  });
}

function readDocument({ name, text }: DataFile): Example {
  if (text.trim() === "") throw new AttuneError(`${name}: the dataset is empty`);
  return { kind: "text", text, origin: { file: name, row: 1 } };
}

function byName(format: string): RowFormat<Example> {
  if (Object.hasOwn(FORMATS, format)) return FORMATS[format as Format];
  throw new AttuneError(`format: ${JSON.stringify(format)} is unknown; known are ${formatNames.join(", ")}`);
}

function recognise({ name }: DataFile, { value, row }: DataRow): RowFormat<Example> {
  const keys = isRow(value) ? Object.keys(value) : [];
  const found = Object.values(FORMATS).find(({ requiredKeys }) =>
    requiredKeys.every((key) => isRow(value) && own(value, key) !== undefined),
  );
  if (found) return found;
  const known = Object.values(FORMATS).map(
    ({ name, requiredKeys }) => `${name} (${requiredKeys.join(", ")})`,
  );
  throw new AttuneError(
    `${name} row ${row}: unknown format: found ${keys.length > 0 ? `the keys ${keys.join(", ")}` : describeValue(value)}; known formats are ${known.join(", ")}`,
  );
}
