import { randomAt } from "./random.ts";
import { type DemoSplit, type DemoTask, drawProblem, fill } from "./task.ts";
import { TASKS } from "./tasks/index.ts";

/** A row of the Alpaca format, with the name of its task. */
export interface InstructionRow {
  instruction: string;
  input?: string;
  output: string;
  task: string;
}

export interface InstructionSetOptions {
  seed: number;
  /** Rows of each task. */
  perTask: number;
  split: DemoSplit;
  /** All of them when left out. */
  tasks?: readonly DemoTask[];
  /** Ask in words that training never uses (default false). */
  unseenPhrasings?: boolean;
}

/**
 * Instructions with their answers, the tasks taking turns. The two splits have no problem in common, and no problem
 * of the held-out split occurs in pretraining text.
 */
export function instructionSet(options: InstructionSetOptions): InstructionRow[] {
  const { perTask, tasks = TASKS } = options;
  return Array.from({ length: perTask * tasks.length }, (_, i) =>
    instructionRow(tasks[i % tasks.length]!, Math.floor(i / tasks.length), options),
  );
}

function instructionRow(task: DemoTask, index: number, options: InstructionSetOptions): InstructionRow {
  const { seed, split, unseenPhrasings = false } = options;
  const random = randomAt(seed, "instructions", split, task.name, index);
  const problem = drawProblem(split, task, random);
  const phrasing = random.pick(unseenPhrasings ? task.unseenPhrasings : task.phrasings);
  const [instruction, input] = phrasing.split("\n").map((part) => fill(part, problem)) as [string, string?];
  return { instruction, ...(input === undefined ? {} : { input }), output: problem.output, task: task.name };
}
