import type { RowsCheck } from "attune/browser";
import { recommend } from "../../src/training/advice/recommend.ts";
import type { PlainRecipe } from "./worker/protocol.ts";

export type Device = "wasm" | "webgpu";

/** What the form asks for; what is left out is advised. */
export interface Settings {
  epochs?: number;
  learningRate?: number;
  r?: number;
  batchSize?: number;
  maxLength?: number;
  /** Rows in a hundred that are held out. */
  heldOut?: number;
  device: Device;
  /** Of rows whose columns have names that no format knows. */
  question?: string;
  answer?: string;
}

export type Advice = Required<Omit<Settings, "device" | "question" | "answer">>;

const FEWEST_STEPS = 40; // below that a model has hardly changed
const MOST_EPOCHS = 20;
const SOME_ROWS = 20; // from here on some can be held out
const DEMO_RATE = 25; // times: the demo's tiny model bears more, 5e-3 as in `attune demo`

interface Facts {
  /** Those that are used. */
  rows: readonly object[];
  isDemo: boolean;
  check?: RowsCheck;
}

/** Settings that suit the rows: attune's own advice, and enough steps to see something. */
export function advise({ rows, isDemo, check }: Facts): Advice {
  const { p95 = 0, most = 0 } = check?.train.lengths ?? {};
  const examples = rows.length;
  const objective = isPreference(rows) ? "dpo" : "sft";
  const facts = { stage: "instruct", objective, trains: "adapter", examples } as const;
  const lengths = most > 0 ? { p95, longest: most } : undefined;
  const advised = new Map(recommend({ ...facts, lengths }).map(({ key, value }) => [key, Number(value)]));
  const batchSize = advised.get("training.batchSize")!;
  const needed = Math.min(MOST_EPOCHS, Math.ceil((FEWEST_STEPS * batchSize) / Math.max(1, examples)));
  return {
    epochs: Math.max(advised.get("training.epochs")!, needed),
    learningRate: advised.get("training.learningRate")! * (isDemo ? DEMO_RATE : 1),
    r: advised.get("adapter.r")!,
    batchSize,
    maxLength: advised.get("training.maxLength") ?? 512,
    heldOut: examples >= SOME_ROWS ? 10 : 0,
  };
}

const SAVE_EVERY = 10; // steps

/** The recipe of a run, without its rows. */
export function recipeOf(settings: Settings, advice: Advice, rows: readonly object[]): PlainRecipe {
  const { epochs, learningRate, r, batchSize, maxLength, heldOut } = { ...advice, ...given(settings) };
  return {
    ...(isPreference(rows) && { objective: { type: "dpo" } }),
    adapter: { type: "lora", r, alpha: 2 * r, targetModules: "all-linear" },
    training: { epochs, learningRate, batchSize, maxLength, warmupRatio: 0.1, saveEvery: SAVE_EVERY },
    ...(heldOut > 0 && { evaluation: { fraction: heldOut / 100 } }),
  };
}

/** What of the form is filled in. */
const given = (settings: Settings) =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));

const isPreference = (rows: readonly object[]) =>
  rows.length > 0 && rows.every((row) => "chosen" in row && "rejected" in row);

/** What the format calls columns that are named otherwise. */
export const columnsOf = ({ question, answer }: Settings): Record<string, string> | undefined =>
  question && answer ? { instruction: question, output: answer } : undefined;

/** Steps that a run takes over rows that were checked with the same settings. */
export function stepsOf(
  settings: Settings,
  advice: Advice,
  { rows, train }: Omit<Facts, "isDemo"> & Pick<RowsCheck, "train">,
): number {
  const { epochs, batchSize } = { ...advice, ...given(settings) } as Advice;
  const sequencesEach = isPreference(rows) ? 2 : 1;
  return Math.ceil(epochs * Math.ceil(train.sequences / sequencesEach / batchSize));
}
