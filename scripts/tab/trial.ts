import { averageScore, type Exam, examScores, takeExam } from "../../src/cli/exam.ts";
import type { InstructionRow } from "../../src/demo/instructions.ts";
import type { Talk } from "../../src/generation/talk.ts";
import type { MemoryRecipe } from "../../src/run/memory_run.ts";

/** The demo's task, the same wherever it is computed. */
export interface Trial {
  recipe: Omit<MemoryRecipe, "data">;
  rows: readonly object[];
  questions: readonly InstructionRow[];
  /** The platform's own choice when left out. */
  threads?: number;
}

/** What came of it; times in seconds. */
export interface Outcome {
  losses: number[];
  training: number;
  /** Share of the questions that were answered rightly. */
  score: number;
  exam: number;
}

/** What a platform does. */
export interface Platform<Result> {
  train(trial: Trial): AsyncIterable<{ type: string; loss?: number }, Result>;
  load(result: Result, trial: Trial): Promise<Pick<Talk, "chatBatch"> & { release(): Promise<void> }>;
}

/** Trains and asks; `tell` gets what is done. */
export async function run<Result>(
  platform: Platform<Result>,
  trial: Trial,
  tell: (progress: string) => void,
): Promise<Outcome> {
  const losses: number[] = [];
  const start = performance.now();
  const events = platform.train(trial)[Symbol.asyncIterator]();
  let next = await events.next();
  for (; !next.done; next = await events.next())
    if (next.value.type === "step") {
      losses.push(next.value.loss!);
      if (losses.length % 50 === 0) tell(`step ${losses.length}, loss ${next.value.loss!.toFixed(4)}`);
    }
  const trained = performance.now();
  const model = await platform.load(next.value, trial);
  const exam = await takeExam(model, trial.questions, { tell: () => {} });
  await model.release();
  return {
    losses,
    training: (trained - start) / 1000,
    score: score(exam),
    exam: (performance.now() - trained) / 1000,
  };
}

const score = (exam: Exam) => averageScore(examScores(exam));
