import type { PreparationReport } from "../data/tokenize/preparation_report.ts";
import type { LearningRate } from "./learning_rate.ts";

/** What a run says of itself, in order: start, then steps with evaluations and checkpoints between, then end. */
export type TrainEvent = StartEvent | StepEvent | EvaluationEvent | CheckpointEvent | WarningEvent | EndEvent;

export interface StartEvent {
  type: "start";
  /** The step a checkpoint was resumed from; 0 for a new run. */
  step: number;
  totalSteps: number;
  stepsPerEpoch: number;
  /** Examples trained on and held out. */
  examples: number;
  evaluationExamples: number;
  trainedParameters: number;
  parameters: number;
  data: PreparationReport;
  /** Training examples left out because they equal another. */
  duplicates: number;
  /** The highest, and who says so. */
  learningRate: LearningRate;
  /** What was odd and did not keep the run from starting. */
  warnings: string[];
}

/** A line of metrics.jsonl, and what is worked out from it. */
export interface StepEvent {
  type: "step";
  /** Counted from 1. */
  step: number;
  totalSteps: number;
  /** Epochs done after this step, as a fraction. */
  epoch: number;
  /** Of the step, measured before the update: the mean over its labels or, of preferences, over its examples. */
  loss: number;
  learningRate: number;
  /** Before clipping; 0 of a step that was skipped, as float16 has them. */
  gradNorm: number;
  /** Tokens of the step's sequences, those the model computed (fewer where examples begin alike), and labels. */
  tokens: number;
  computedTokens: number;
  supervisedTokens: number;
  seconds: number;
  tokensPerSecond: number;
  /** Expected until the last step. */
  secondsLeft: number;
  /** What the objective measures, by TRL's names: `rewards/accuracies` and others. */
  metrics: Record<string, number>;
}

export interface EvaluationEvent {
  type: "evaluation";
  /** 0 before the first one. */
  step: number;
  epoch: number;
  evalLoss: number;
  /** Lower than after all steps before. Before the first step nothing is trained, and nothing is best. */
  best: boolean;
  /** What the objective measures, by TRL's names; scores of answers, where held-out rows are answered. */
  metrics: Record<string, number>;
  /** What held-out rows were answered, where they are. */
  samples?: readonly EvaluationSample[];
  /** Answers that a score of one's own could not score. */
  notes?: readonly string[];
}

/** A held-out row and its answer. */
export interface EvaluationSample {
  task: string;
  file: string;
  row: number;
  question: string;
  references: readonly string[];
  /** By the model as it is trained so far. */
  tuned?: string;
}

export interface CheckpointEvent {
  type: "checkpoint";
  step: number;
  path: string;
}

/** Something beside the training went wrong, such as the report; the run goes on. */
export interface WarningEvent {
  type: "warning";
  step: number;
  message: string;
}

export interface EndEvent {
  type: "end";
  /** Whether the schedule ended, evaluations stopped getting better, or the run was stopped. */
  reason: "completed" | "early-stopping" | "stopped";
  step: number;
  /** The adapter or model directory. */
  path: string;
  /** Where the held-out loss was lowest, if that was at an earlier step. */
  best?: { path: string; step: number; evalLoss: number };
}
