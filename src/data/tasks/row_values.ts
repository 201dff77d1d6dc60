import { describeValue } from "../../text/describe_value.ts";
import { AttuneError } from "../../text/errors.ts";
import { valueAt } from "../formats/map_columns.ts";
import type { Row } from "../formats/row_fields.ts";
import { wrongValue } from "../formats/row_fields.ts";
import { fillPattern, joinTexts, type Pattern, parsePlaceholders } from "./pattern.ts";
import type { Task } from "./task_schema.ts";

/** The text that a placeholder's path stands for in a row. @throws AttuneError when there is none. */
export type TextOf = (path: string) => string;

/** What placeholders mean in rows of a task: the columns, and with answer choices `choices` and the label's text. */
export function rowValues({ choices, label }: Task): (row: Row) => TextOf {
  if (choices === undefined) return columnsOf;
  const read = readChoices(choices);
  return (row) => {
    const column = columnsOf(row);
    return (path) => {
      if (path === "choices")
        return joinTexts(
          read(row).map((choice) => `- ${choice}`),
          "\n",
        );
      if (path.startsWith("choices.")) return textOf(valueAt({ choices: read(row) }, path), path);
      if (path === label) return chosen(valueAt(row, label), read(row), label);
      return column(path);
    };
  };
}

const columnsOf =
  (row: Row): TextOf =>
  (path) =>
    textOf(valueAt(row, path), path);

function readChoices(choices: string | string[]): (row: Row) => string[] {
  if (typeof choices === "string") return (row) => listedChoices(row, choices);
  const patterns = choices.map((choice): Pattern => parsePlaceholders(choice));
  return (row) => patterns.map((pattern) => fillPattern(pattern, columnsOf(row)));
}

function listedChoices(row: Row, column: string): string[] {
  const value = valueAt(row, column);
  if (!Array.isArray(value) || value.length === 0)
    throw wrongValue(`choices: ${column}`, "a list of answers", value);
  return value.map((choice, i) => textOf(choice, `${column}.${i}`));
}

/** The choice that a label means: integers are positions, counted from 0, in any type; false is 0, true is 1. */
function chosen(label: unknown, choices: readonly string[], column: string): string {
  const position = positionOf(label);
  const choice = position === undefined ? choices.find((one) => one === label) : choices[position];
  if (choice !== undefined) return choice;
  const shown = choices.slice(0, 10).map((one) => JSON.stringify(one.slice(0, 40)));
  if (choices.length > shown.length) shown.push("…");
  throw new AttuneError({
    code: "data.unknown-choice",
    place: column,
    expected: `0 to ${choices.length - 1}, or one of ${shown.join(", ")}`,
    got: describeValue(label),
  });
}

function positionOf(label: unknown): number | undefined {
  if (typeof label === "boolean") return Number(label);
  const text = typeof label === "number" || typeof label === "bigint" ? String(label) : label;
  return typeof text === "string" && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** Text as it is, numbers and booleans as JavaScript writes them, lists of these with commas. */
function textOf(value: unknown, path: string): string {
  if (Array.isArray(value))
    return joinTexts(
      value.map((item, i) => scalarText(item, `${path}.${i}`)),
      ", ",
    );
  return scalarText(value, path);
}

function scalarText(value: unknown, path: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return String(value);
  if (value === undefined)
    throw new AttuneError({ code: "data.missing-value", problem: `{{${path}}} has no value` });
  if (value === null) throw new AttuneError({ code: "data.missing-value", problem: `{{${path}}} is null` });
  throw wrongValue(`{{${path}}}`, "text, a number or a list of these", value);
}
