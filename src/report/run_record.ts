import type { Sample } from "../evaluation/scorecard.ts";
import type { Interval } from "../evaluation/statistics/bootstrap.ts";
import type { StartEvent } from "../training/events.ts";
import { type Curve, thinCurve } from "./curve.ts";

/** What a run's directory says of it. */
export interface RunRecord {
  /** Where it is. */
  path: string;
  /** As recipe.json holds it. */
  recipe: Record<string, unknown>;
  startedAt?: Date;
  history: RunHistory;
  /** Nothing of a run that an earlier version of attune wrote, or that took no step. */
  summary?: RunSummary;
  /** What `attune eval` found. */
  evaluation?: RecordedEvaluation;
  /** Lines of metrics.jsonl and samples.jsonl, and files, that can't be read. */
  damaged: string[];
}

/** `summary.json`: what a run is and what it came to, as of its last evaluation or checkpoint. */
export interface RunSummary
  extends Pick<
    StartEvent,
    | "totalSteps"
    | "stepsPerEpoch"
    | "examples"
    | "evaluationExamples"
    | "trainedParameters"
    | "parameters"
    | "data"
    | "duplicates"
    | "learningRate"
    | "warnings"
  > {
  state: RunStatus;
  step: number;
  /** Steps whose gradient float16 couldn't hold; they changed nothing. */
  skippedSteps?: number;
  /** Why it failed. */
  error?: string;
  /** From its first start to now, evaluations and all; of several starts, their sum. */
  seconds: number;
  /** The most memory that the process had, of all starts. */
  peakMemoryBytes: number;
  /** Of what was trained: adapter/ or model/. */
  resultBytes?: number;
  /** Of the whole directory. */
  diskBytes?: number;
  /** Of the rows as they were tokenized, and of those held out: where they are equal, losses can be compared. */
  dataHash: string;
  heldOutHash: string;
}

export type RunStatus = "running" | "completed" | "early-stopping" | "stopped" | "failed";

export type RecordedScores = Record<string, Interval>;

/** What the report shows of evaluation.json. */
export interface RecordedEvaluation {
  rows: number;
  base: RecordedScores;
  tuned: RecordedScores | null;
  difference?: Record<string, Interval & { p: number }>;
  tasks: Record<string, { rows: number; base: RecordedScores; tuned: RecordedScores | null }>;
  forgetting?: Record<string, { rows: number; base: RecordedScores; tuned: RecordedScores | null }>;
}

export type RecordedSample = Pick<Sample, "task" | "question" | "references" | "tuned">;

/** Answers of one evaluation. */
export interface RecordedSamples {
  step: number;
  samples: RecordedSample[];
}

/** A run's curves and answers. Its size is bounded, however long the run is. */
export interface RunHistory {
  /** By the names of metrics.jsonl. */
  curves: Map<string, Curve>;
  answers: RecordedSamples[];
  /** Sums over all steps. */
  tokens: number;
  computedTokens: number;
  stepSeconds: number;
  /** The last step of which there is a line; 0 before the first. */
  step: number;
}

export const emptyHistory = (): RunHistory => ({
  curves: new Map(),
  answers: [],
  tokens: 0,
  computedTokens: 0,
  stepSeconds: 0,
  step: 0,
});

const MOST_POINTS = 2 ** 15; // of a curve; beyond them it is thinned
const MOST_ANSWERS = 12; // evaluations whose answers are kept
const MOST_SAMPLES = 50; // answers of one evaluation
const MOST_TEXT = 2000; // UTF-16 units of a text

/** Adds a line of metrics.jsonl. JSON writes null where a value was not finite. */
export function addMetrics(history: RunHistory, line: { step: number } & Record<string, unknown>): void {
  const { step, epoch: _, ...values } = line;
  history.step = Math.max(history.step, step);
  for (const [name, value] of Object.entries(values))
    if (typeof value === "number" || value === null)
      addPoint(history.curves, name, step, value ?? Number.NaN);
  const finite = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : 0);
  history.tokens += finite(values.tokens);
  history.computedTokens += finite(values.computedTokens);
  history.stepSeconds += finite(values.seconds);
}

function addPoint(curves: Map<string, Curve>, name: string, step: number, value: number): void {
  const curve = curves.get(name) ?? { steps: [], values: [] };
  curve.steps.push(step);
  curve.values.push(value);
  curves.set(name, curve.steps.length > MOST_POINTS ? thinCurve(curve, MOST_POINTS / 2) : curve);
}

/** Adds a line of samples.jsonl. Of many evaluations the first stays, the last, and some between. */
export function addSamples(history: RunHistory, { step, samples }: RecordedSamples): void {
  const cut = (text: string) => (text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)} …` : text);
  history.answers.push({
    step,
    samples: samples.slice(0, MOST_SAMPLES).map(({ task, question, references, tuned }) => ({
      task: cut(task),
      question: cut(question),
      references: references.slice(0, 5).map(cut),
      ...(tuned !== undefined && { tuned: cut(tuned) }),
    })),
  });
  if (history.answers.length > MOST_ANSWERS) history.answers.splice(closest(history.answers), 1);
}

/** Of the evaluations between the first and the last, the one whose neighbours lie closest. */
function closest(answers: readonly RecordedSamples[]): number {
  let best = 1;
  const gap = (i: number) => answers[i + 1]!.step - answers[i - 1]!.step;
  for (let i = 2; i < answers.length - 1; i++) if (gap(i) < gap(best)) best = i;
  return best;
}
