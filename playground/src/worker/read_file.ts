import { AttuneError, readRows } from "attune/browser";
import type { FileRows } from "./protocol.ts";

const MOST_ROWS = 20_000;
const MOST_TEXT = 20e6; // characters of JSON

/**
 * A file's rows, for the page to show and to keep: all of them are in its memory, and are tokenized again when one is changed.
 * @throws AttuneError of a file that isn't read, that holds no rows, or more than a page can work with.
 */
export async function readFile(blob: Blob, name: string): Promise<FileRows> {
  const [rows, broken]: [object[], FileRows["broken"]] = [[], []];
  let text = 0;
  for await (const row of readRows(blob, name)) {
    if ("problem" in row) broken.push(row);
    else if (isObject(row.value)) rows.push(row.value);
    else broken.push({ row: row.row, problem: `expected an object, got ${JSON.stringify(row.value)}` });
    text += JSON.stringify("value" in row ? row.value : row.problem).length;
    if (rows.length + broken.length > MOST_ROWS || text > MOST_TEXT) throw tooLarge(name);
  }
  if (rows.length + broken.length === 0) throw noRows(name, blob.size);
  return { rows, broken };
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const tooLarge = (name: string) =>
  new AttuneError({
    code: "playground.too-large",
    place: name,
    problem: `it holds more than a page can work with: ${MOST_ROWS} rows, or ${MOST_TEXT / 1e6} million characters`,
    wayOut: "Give a part of it, or tune in Node, which reads rows from the disk: attune train",
  });

const noRows = (name: string, size: number) =>
  new AttuneError({
    code: "playground.no-rows",
    place: name,
    problem: size === 0 ? "the file is empty" : "the file holds no rows",
    wayOut: "Look whether it is the right one, and whether it was saved",
  });
