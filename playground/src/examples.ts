import * as web from "../../web/example_rows.ts";
import { questionOf } from "./rows.ts";
import type { Row } from "./store.ts";

const EXAMPLES: readonly Row[] = web.exampleRows();
const QUESTIONS = new Set(EXAMPLES.map((row) => questionOf(row)));

export const exampleRows = (): Row[] => [...EXAMPLES];

/** Questions of the same kind that no row has. */
export const exampleQuestions: readonly string[] = web.unseenRows().map((row) => questionOf(row));

/** Whether these are rows of the example, some of them. */
export function areExamples([first]: readonly Row[]): boolean {
  return first !== undefined && QUESTIONS.has(questionOf(first));
}
