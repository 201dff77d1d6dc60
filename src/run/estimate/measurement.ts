/** What the measuring process is told, and what it answers. */

import type { Device } from "../../runtime/session.ts";
import type { Faults } from "../../text/errors.ts";
import type { SettledRecipe } from "../../training/recipe.ts";

export interface MeasureTask {
  recipe: SettledRecipe;
  device: Device;
  threads?: number;
  /** What a template writes as today's date: the tokens of the plan are found again by it. */
  now: Date;
  /** Sequences of the training data, each list a pass. */
  passes: readonly (readonly number[])[];
  /** Held-out sequences to evaluate. */
  evaluation: readonly number[];
  /** Seconds that passes may take; the first three are always run. */
  budget: number;
}

/** A pass that was run. */
export interface MeasuredPass {
  T: number;
  S: number;
  /** With gradients. */
  trains: boolean;
  /** The first of its graph, which also reads the weights. */
  isFirst: boolean;
  seconds: number;
}

export interface MeasuredRun {
  /** Seconds from the start of the process to the first step. */
  opening: number;
  passes: MeasuredPass[];
  /** Of a step beside its passes: the update. */
  update: number;
  /** Of a pass beside the runtime: packing, feeds, values. */
  host: number;
  /** What writing takes: a checkpoint of so many bytes, or a small file. */
  writing: Writing;
  /** Most memory that the process had. */
  peakMemoryBytes: number;
}

export interface Writing {
  bytes: number;
  seconds: number;
  small: number;
}

export type MeasureReply = { measured: MeasuredRun } | { fault: Faults } | { error: string };
