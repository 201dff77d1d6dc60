import type { FetchProgress, ResultFiles, RowsCheck } from "attune/browser";
import { useEffect, useState } from "preact/hooks";
import { firstLanguage, keepLanguage, type Language } from "../../web/language.ts";
import type { Settings } from "./settings.ts";
import { ENGLISH, type Words } from "./words.ts";
import { CHINESE } from "./words_zh.ts";
import type { Failure, ModelInfo, RunInput } from "./worker/protocol.ts";

export type Row = Record<string, unknown>;

export interface Curve {
  steps: number[];
  values: number[];
}

/** What a run needs to be gone on with, beside its checkpoint. */
export interface RunStart extends RunInput {
  model: string;
  device: Settings["device"];
}

export interface Run {
  status: "idle" | "preparing" | "running" | "stopping" | "stopped" | "done" | "failed";
  input?: RunStart;
  trainedParameters?: number;
  step: number;
  totalSteps: number;
  loss: Curve;
  heldOut: Curve;
  tokensPerSecond?: number;
  secondsLeft?: number;
  /** The step that is kept; 0 for none. */
  saved: number;
  failure?: Failure;
}

export interface State {
  language: Language;
  /** Whether this visit is kept for the next; undefined until that is known. */
  keeping?: "here" | "elsewhere" | "nowhere" | "full";
  hasWebgpu: boolean;
  /** A run of an earlier visit can be gone on with. */
  isBack: boolean;
  model: { info?: ModelInfo; opening: boolean; download?: FetchProgress; failure?: Failure; isDemo: boolean };
  rows: Row[];
  /** The rows before they were removed. */
  removed?: Row[];
  /** Of the files that came last. */
  broken: { file: string; rows: { row: number; problem: string }[] }[];
  fileFailures: Failure[];
  check: { isRunning: boolean; result?: RowsCheck; failure?: Failure };
  settings: Settings;
  run: Run;
  adapter?: ResultFiles;
  ask: { text: string; isRunning: boolean; before?: string; after?: string; failure?: Failure };
}

export const NO_RUN: Run = {
  status: "idle",
  step: 0,
  totalSteps: 0,
  loss: { steps: [], values: [] },
  heldOut: { steps: [], values: [] },
  saved: 0,
};

let state: State = {
  language: firstLanguage(),
  hasWebgpu: false,
  isBack: false,
  model: { opening: true, isDemo: true },
  rows: [],
  broken: [],
  fileFailures: [],
  check: { isRunning: false },
  settings: { device: "wasm" },
  run: NO_RUN,
  ask: { text: "", isRunning: false },
};
const listeners = new Set<(state: State) => void>();

export const current = (): State => state;

export function update(change: Partial<State>): void {
  state = { ...state, ...change };
  for (const listener of listeners) listener(state);
}

export const updateRun = (change: Partial<Run>): void => update({ run: { ...state.run, ...change } });

/** In a component: it is drawn again whenever something changes. */
export function useAppState(): State {
  const [seen, see] = useState(state);
  useEffect(() => {
    listeners.add(see);
    see(state);
    return () => void listeners.delete(see);
  }, []);
  return seen;
}

export function setLanguage(language: Language): void {
  keepLanguage(language);
  update({ language });
}

export const wordsOf = (language: Language): Words => (language === "zh" ? CHINESE : ENGLISH);

export const isTuning = ({ status }: Run): boolean =>
  status === "preparing" || status === "running" || status === "stopping";
