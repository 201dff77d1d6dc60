import { readFileSync } from "node:fs";
import { requireLora } from "../../adapters/kinds/lora.ts";
import { readAdapterDirectory } from "../../adapters/peft/adapter_directory.ts";
import type { TokenSequence } from "../../data/tokenize/token_sequence.ts";
import { readTensor } from "../../files/safetensors.ts";
import { readModel } from "../../models/families.ts";
import { modelLayout } from "../../models/layout.ts";
import { type ModelDirectory, openModelDirectory } from "../../pretrained/model_directory.ts";
import type { OpenSession, SessionOptions } from "../../runtime/session.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { openEngine } from "../engine.ts";
import { adapterMethod, fullMethod, type Method } from "../method.ts";
import { type ObjectiveSettings, objectiveSettings, openObjective } from "../objectives/objectives.ts";
import { learningRateAt } from "../schedule.ts";
import type { Trainable } from "../trainable.ts";
import type { OptimizedState } from "../trained_state.ts";
import { goldenExamples } from "./golden_examples.ts";
import type { Distance, TrainerSettings } from "./golden_run.ts";

/** A run of TRL's over preferences: where it began, and how. */
export interface PreferenceCase {
  model: string;
  start: "fresh" | "adapter" | "full";
  initial?: string;
  examples: string;
  objective: ObjectiveSettings;
  settings: TrainerSettings;
}
/** Of a step. */
export interface PreferenceStep {
  loss: number;
  gradNorm: number;
  metrics: Record<string, number>;
}

const json = (path: string) => JSON.parse(readFileSync(goldenPath(path), "utf8"));
/** Most tokens of an example. */
export const MAX_LENGTH = 96;

/** As goldens/preferences.py makes them: row i's answer is the chosen one, row i + 1's the rejected one. */
function pairs(path: string): { chosen: TokenSequence; rejected: TokenSequence }[] {
  const examples = goldenExamples(path);
  return examples.map((chosen, i) => {
    const other = examples[(i + 1) % examples.length]!;
    const [own, from] = [chosen, other].map(({ labelWeights }) => labelWeights.indexOf(1)) as [
      number,
      number,
    ];
    const join = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      [...Array.from(a).slice(0, own), ...Array.from(b).slice(from)].slice(0, MAX_LENGTH);
    const rejected = {
      ...chosen,
      tokens: Int32Array.from(join(chosen.tokens, other.tokens)),
      labelWeights: Float32Array.from(join(chosen.labelWeights, other.labelWeights)),
    };
    return { chosen, rejected };
  });
}

const disliked = (sequence: TokenSequence) => ({
  ...sequence,
  labelWeights: sequence.labelWeights.map((weight) => -weight),
});

/** Its examples, branch by branch. */
export function preferenceSequences({ objective, examples }: PreferenceCase): TokenSequence[] {
  if (objective.type === "kto")
    return pairs(examples).map(({ chosen }, i) => (i % 2 === 0 ? chosen : disliked(chosen)));
  return pairs(examples).flatMap(({ chosen, rejected }) => [chosen, rejected]);
}

/** What is trained, and what it is compared with. */
export async function methodsOf(
  { start, initial }: PreferenceCase,
  directory: ModelDirectory,
): Promise<[Method, Method]> {
  const base = fullMethod(new Map(), directory.tensors);
  if (start === "full") {
    const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const [name, shape] of modelLayout(readModel(directory.config)).parameters)
      weights.set(name, { shape, data: await readTensor(directory.tensors.get(name)!) });
    return [fullMethod(weights, directory.tensors), base];
  }
  const adapter = await readAdapterDirectory(goldenPath(initial!));
  if (start === "adapter")
    return [
      adapterMethod(directory.tensors, adapter),
      adapterMethod(directory.tensors, await readAdapterDirectory(goldenPath(initial!))),
    ];
  for (const { B } of requireLora(adapter, "it", "tested here").modules.values()) B.fill(0);
  return [adapterMethod(directory.tensors, adapter), base];
}

/** Of a step of the run: its learning rate, and which of the sequences it takes. */
export function stepOf({ settings, objective }: PreferenceCase, i: number, steps: number) {
  const { answers } = openObjective(objectiveSettings.parse(objective));
  const size = settings.batchSize * (answers === "pair" ? 2 : 1);
  const schedule = { ...settings, name: settings.schedule, totalSteps: steps };
  return { start: i * size, end: (i + 1) * size, learningRate: learningRateAt(i + 1, schedule) };
}

/** TRL's run in float64. */
interface ExactRun {
  loss: number[];
  gradNorm: number[];
}

/**
 * Trains as the run in `preferences/${name}` did, its first `count` steps, with a state that `makeState` makes of what is trained.
 * Losses are small differences of large sums: float32's rounding shows, in TRL's run as well. So the distance is from TRL's run in
 * float64, and `trl` is how far TRL's own run in float32 is from it.
 */
export async function distanceFromPreferences<G>(
  name: string,
  makeState: (trainables: readonly Trainable[]) => Promise<OptimizedState<G>>,
  open: OpenSession,
  session: SessionOptions,
  count: number,
): Promise<Distance & { trl: Distance }> {
  const golden: PreferenceCase = json(`preferences/${name}/case.json`);
  const steps: PreferenceStep[] = json(`preferences/${name}/metrics.json`);
  const exact: ExactRun = json(`preferences/${name}/exact.json`);
  const objective = openObjective(objectiveSettings.parse(golden.objective));
  const sequences = preferenceSequences(golden);
  const directory = await openModelDirectory(goldenPath(golden.model));
  const [method, reference] = await methodsOf(golden, directory);
  const state = await makeState(method.trainables);
  const options = { rowLength: 512, objective, reference, maxLength: MAX_LENGTH, session, state };
  const engine = await openEngine(readModel(directory.config), method, open, options);
  const [own, trl] = [
    { loss: 0, gradNorm: 0 },
    { loss: 0, gradNorm: 0 },
  ];
  try {
    const known = objective.usesReference ? await engine.reference(sequences) : undefined;
    for (const [i, wanted] of steps.slice(0, count).entries()) {
      const { start, end, learningRate } = stepOf(golden, i, steps.length);
      const batch = sequences.slice(start, end);
      const { loss, gradients } = await engine.gradients(batch, { reference: known?.slice(start, end) });
      const gradNorm = await state.step(gradients, { ...golden.settings, step: i + 1, learningRate });
      for (const [worst, found] of [
        [own, { loss, gradNorm }],
        [trl, wanted],
      ] as const)
        for (const key of ["loss", "gradNorm"] as const)
          worst[key] = Math.max(worst[key], Math.abs(found[key] / exact[key][i]! - 1));
    }
  } finally {
    await engine.release();
    await state.release();
  }
  return { ...own, trl };
}
