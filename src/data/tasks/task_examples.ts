import { randomUint32 } from "../../random/random.ts";
import type { Message } from "../../templates/message.ts";
import { describeValue } from "../../text/describe_value.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Conversation, Origin, UnusableRow } from "../example.ts";
import type { DataRow } from "../files/data_row.ts";
import { wholeDocuments } from "../files/text_document.ts";
import { isRow, type Row } from "../formats/row_fields.ts";
import { openExemplars } from "./exemplars.ts";
import { joinTexts } from "./pattern.ts";
import { checkColumns, openPhrasings, type Turn } from "./phrasings.ts";
import type { Task } from "./task_schema.ts";

/** Rows that a task begins with: exemplars are chosen among them, and columns looked for. */
export const FIRST_ROWS = 1000;
/** Characters they may have together; there are fewer rows then. */
const FIRST_CHARACTERS = 2 ** 24;

export interface TaskRows {
  /** Name of the file the rows come from. */
  file: string;
  /** The file's first rows, as `firstRows` takes them. */
  first: readonly DataRow[];
  seed: number;
}

/** What a task makes of a row: one conversation for each phrasing that is asked for, or why there is none. */
export type TaskReader = (row: DataRow) => (Conversation | UnusableRow)[];

/**
 * A file's rows as a task tells them, in their order.
 * @throws AttuneError when the task names a column that the rows lack; whatever `rows` throws.
 */
export async function* taskExamplesOf(
  rows: AsyncIterable<DataRow>,
  file: string,
  task: Task,
  seed: number,
): AsyncGenerator<Conversation | UnusableRow> {
  const iterator = wholeDocuments(rows);
  try {
    const first = await firstRows(iterator);
    const read = openTask(task, { file, first, seed });
    for (const row of first) yield* read(row);
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield* read(next.value);
  } finally {
    await iterator.return(undefined);
  }
}

/** The rows a task begins with: 1000, or fewer when they are long. */
export async function firstRows(rows: AsyncIterator<DataRow>): Promise<DataRow[]> {
  const first: DataRow[] = [];
  let characters = 0;
  while (first.length < FIRST_ROWS && characters < FIRST_CHARACTERS) {
    const next = await rows.next();
    if (next.done) break;
    first.push(next.value);
    if ("value" in next.value) characters += countCharacters(next.value.value);
  }
  return first;
}

/**
 * Reads rows of a labelled dataset as instructions. What becomes of a row depends on the task, the row and its number,
 * the file's name (without its directory), the file's first rows and the seed, and on nothing else.
 * @throws AttuneError when none of the first rows has a column that the task names.
 */
export function openTask(task: Task, { file, first, seed }: TaskRows): TaskReader {
  checkColumns(task, first, file);
  const phrasings = openPhrasings(task);
  const choosePhrasings = phrasingChoice(task, phrasings.length, file, seed);
  const exemplars = phrasings.map((phrasing) => openExemplars(phrasing, first, task.fewShot));
  const tell = (value: Row, row: number, phrasing: number) => {
    const question = phrasings[phrasing]!(value);
    const random = (i: number) =>
      randomUint32(seed, `task exemplars ${lastName(file)}`, phrasing, FIRST_ROWS * row + i);
    return ask(exemplars[phrasing]!(question, random), question);
  };
  return (row) => {
    const origin = { file, row: row.row };
    if ("problem" in row) return [{ kind: "unusable", reason: row.problem, origin }];
    const { value } = row;
    if (!isRow(value))
      return [{ kind: "unusable", reason: `expected an object, got ${describeValue(value)}`, origin }];
    return choosePhrasings(row.row).map((phrasing) =>
      orUnusable({ phrasing, origin }, () => tell(value, row.row, phrasing)),
    );
  };
}

/** Which of the phrasings a row is said in. */
function phrasingChoice({ phrasings }: Task, count: number, file: string, seed: number) {
  const all = Array.from({ length: count }, (_, i) => i);
  const purpose = `task phrasing ${lastName(file)}`;
  return (row: number): number[] =>
    phrasings === "all" ? all : [Math.floor((randomUint32(seed, purpose, 0, row) / 2 ** 32) * count)];
}

const lastName = (file: string) => file.split(/[\\/]/).at(-1)!;

/** FLAN's few-shot prompt, x₁ ⊕ y₁ ⊕ … ⊕ x (Wei et al. 2021, section 4.4), with a blank line between the parts. */
function ask(exemplars: readonly Turn[], { input, output }: Turn): Message[] {
  const shown = exemplars.flatMap((exemplar) => [exemplar.input, exemplar.output]);
  return [
    { role: "user", content: joinTexts([...shown, input], "\n\n") },
    { role: "assistant", content: output },
  ];
}

function orUnusable(
  of: { phrasing: number; origin: Origin },
  tell: () => Message[],
): Conversation | UnusableRow {
  try {
    return { kind: "conversation", messages: tell(), ...of };
  } catch (error) {
    if (error instanceof AttuneError) return { kind: "unusable", reason: error.message, origin: of.origin };
    throw error;
  }
}

/** Characters of all texts in a value, however deep, and 8 for whatever else it holds. */
function countCharacters(value: unknown): number {
  let characters = 0;
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === "string") characters += next.length;
    else if (ArrayBuffer.isView(next)) characters += next.byteLength;
    else if (typeof next === "object" && next !== null)
      for (const inner of Object.values(next)) left.push(inner);
    else characters += 8;
  }
  return characters;
}
