/** Rows to try the page with: a few of the demo's skills. */
import { type InstructionRow, instructionSet } from "../../src/demo/instructions.ts";
import { TASKS } from "../../src/demo/tasks/index.ts";
import { questionOf } from "./rows.ts";
import type { Row } from "./store.ts";

const SKILLS = ["first word", "upper case", "opposites", "plurals"];
const ROWS_A_SKILL = 60;

const tasks = TASKS.filter(({ name }) => SKILLS.includes(name));

const rowOf = ({ instruction, input = "", output }: InstructionRow): Row => ({ instruction, input, output });

const EXAMPLES = instructionSet({ seed: 1, perTask: ROWS_A_SKILL, split: "train", tasks }).map(rowOf);
const QUESTIONS = new Set(EXAMPLES.map((row) => questionOf(row)));

export const exampleRows = (): Row[] => [...EXAMPLES];

/** Questions of the same kind that no row has. */
export const exampleQuestions: readonly string[] = instructionSet({
  ...{ seed: 2, perTask: 1, split: "heldOut", tasks },
}).map((row) => questionOf(rowOf(row)));

/** Whether these are rows of the example, some of them. */
export function areExamples([first]: readonly Row[]): boolean {
  return first !== undefined && QUESTIONS.has(questionOf(first));
}
