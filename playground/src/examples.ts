/** Rows to try the page with: a few of the demo's skills. */
import { type InstructionRow, instructionSet } from "../../src/demo/instructions.ts";
import { TASKS } from "../../src/demo/tasks/index.ts";
import { questionOf } from "./rows.ts";
import type { Row } from "./store.ts";

const SKILLS = ["first word", "upper case", "opposites", "plurals"];
const ROWS_A_SKILL = 60;

const tasks = TASKS.filter(({ name }) => SKILLS.includes(name));

export const exampleRows = (): Row[] =>
  instructionSet({ seed: 1, perTask: ROWS_A_SKILL, split: "train", tasks }).map(rowOf);

const rowOf = ({ instruction, input = "", output }: InstructionRow): Row => ({ instruction, input, output });

/** Questions of the same kind that no row has. */
export const exampleQuestions = (): string[] =>
  instructionSet({ seed: 2, perTask: 1, split: "heldOut", tasks }).map((row) => questionOf(rowOf(row)));

/** Whether these are rows of the example, some of them. */
export function areExamples([first]: readonly Row[]): boolean {
  if (!first) return false;
  const question = questionOf(first);
  return exampleRows().some((row) => questionOf(row) === question);
}
