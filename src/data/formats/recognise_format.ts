import { describeValue } from "../../text/describe_value.ts";
import { AttuneError } from "../../text/errors.ts";
import type { DataRow } from "../files/data_row.ts";
import { type Format, formatByName, formatNames } from "./known_formats.ts";
import { type Form, isRow, listKeys, own } from "./row_fields.ts";

/** Formats of one rank, the highest first. */
const rankOf = (name: Format): number => formatByName(name).rank ?? 0;
const RANKS: readonly (readonly Format[])[] = [...new Set(formatNames.map(rankOf))]
  .sort((one, other) => other - one)
  .map((rank) => formatNames.filter((name) => rankOf(name) === rank));

/**
 * The format of a file's first rows, recognised by their keys and values. Rows that look like nothing known, or
 * are broken, don't matter as long as others do.
 * @throws AttuneError when no row looks like anything, one looks like several formats, or they are of several.
 */
export function recogniseFormat(rows: readonly DataRow[], file: string): Format {
  const found = tally(rows, file, fits);
  const [format, ...others] = found.size > 0 ? found : tally(rows, file, hasKeys);
  if (!format) throw unknownFormat(rows, file);
  if (others.length === 0) return format[0];
  const list = [format, ...others].map(([name, row]) => `${name} (row ${row})`);
  throw new AttuneError({
    code: "data.several-formats",
    place: file,
    problem: `the rows are of several formats: ${list.join(", ")}`,
    wayOut: "Split the file, or name the format: then rows of others are reported as unusable",
  });
}

/** What a format's keys may be: "instruction, output". */
export const describeForms = (name: Format): string =>
  name === "feedback"
    ? "label with an answered row"
    : formatByName(name)
        .forms.map((form) => Object.keys(form).join(", "))
        .filter((keys, i, all) => all.indexOf(keys) === i)
        .join(" or ");

type Test = (value: unknown, form: Form) => boolean;

/** Each format that was found, with the first row that is of it. */
function tally(rows: readonly DataRow[], file: string, test: Test): Map<Format, number> {
  const found = new Map<Format, number>();
  for (const row of rows) {
    const format = "value" in row ? formatOf(row.value, `${file} row ${row.row}`, test) : undefined;
    if (format !== undefined && !found.has(format)) found.set(format, row.row);
  }
  return found;
}

function formatOf(value: unknown, where: string, test: Test): Format | undefined {
  for (const rank of RANKS) {
    const found = rank.filter((name) => formatByName(name).forms.some((form) => test(value, form)));
    if (found.length > 1)
      throw new AttuneError({
        code: "data.ambiguous-format",
        place: where,
        problem: `the row could be ${found.map((name) => `${name} (${describeForms(name)})`).join(" or ")}`,
        wayOut: "Name the format",
      });
    if (found.length === 1) return found[0];
  }
  return undefined;
}

const fits: Test = (value, form) =>
  isRow(value) && Object.entries(form).every(([key, looksRight]) => looksRight(own(value, key)));

const hasKeys: Test = (value, form) =>
  isRow(value) && Object.keys(form).every((key) => own(value, key) !== undefined);

function unknownFormat(rows: readonly DataRow[], file: string): AttuneError {
  const first = rows.find((row) => "value" in row && isRow(row.value)) ?? rows[0]!;
  if ("problem" in first)
    return new AttuneError({
      code: "data.unusable-row",
      place: `${file} row ${first.row}`,
      problem: first.problem,
    });
  const { value } = first;
  const found = isRow(value) ? `the keys ${listKeys(value)}` : describeValue(value);
  const known = formatNames.map((name) => `${name} (${describeForms(name)})`);
  return new AttuneError({
    code: "data.unknown-format",
    place: `${file} row ${first.row}`,
    problem: `unknown format: found ${found}`,
    expected: known.join("; "),
    wayOut: "Map other names with columns, for example {instruction: question, output: answer}",
  });
}
