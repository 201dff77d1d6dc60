/** Rows to try a page with: a few of the demo's skills. */
import { type InstructionRow, instructionSet } from "../src/demo/instructions.ts";
import { TASKS } from "../src/demo/tasks/index.ts";

const SKILLS = ["first word", "upper case", "opposites", "plurals"];
const ROWS_A_SKILL = 60;

const tasks = TASKS.filter(({ name }) => SKILLS.includes(name));

export interface ExampleRow extends Record<string, unknown> {
  instruction: string;
  input: string;
  output: string;
}

const rowOf = ({ instruction, input = "", output }: InstructionRow): ExampleRow => ({
  instruction,
  input,
  output,
});

export const exampleRows = (): ExampleRow[] =>
  instructionSet({ seed: 1, perTask: ROWS_A_SKILL, split: "train", tasks }).map(rowOf);

/** One of each skill, that is among none of them. */
export const unseenRows = (): ExampleRow[] =>
  instructionSet({ seed: 2, perTask: 1, split: "heldOut", tasks }).map(rowOf);
