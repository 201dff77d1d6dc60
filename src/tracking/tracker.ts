import type { StartEvent, TrainEvent } from "../training/events.ts";

/** Follows a run and tells another program of it. What goes wrong there is thrown, and does not end the run. */
export interface Tracker {
  see(event: Exclude<TrainEvent, StartEvent>): Promise<void>;
  /** The run ended in an error. */
  fail(error: unknown): Promise<void>;
}

/** What trackers write of a run as it starts. */
export interface TrackedRun {
  /** The run's directory. */
  path: string;
  /** The step it goes on from. */
  step: number;
  /** The recipe's settings, by dotted key. */
  settings: readonly (readonly [key: string, value: string])[];
}
