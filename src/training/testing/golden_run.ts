import { existsSync, readFileSync } from "node:fs";
import type { Adapter } from "../../adapters/adapter.ts";
import { fitAdapter } from "../../adapters/fit_adapter.ts";
import { readAdapterDirectory } from "../../adapters/peft/adapter_directory.ts";
import { adapterSites } from "../../adapters/targets/sites.ts";
import type { TokenSequence } from "../../data/tokenize/token_sequence.ts";
import { readTensor } from "../../files/safetensors.ts";
import { readModel } from "../../models/families.ts";
import type { Model } from "../../models/family.ts";
import { lastLayers } from "../../models/last_layers.ts";
import { modelLayout } from "../../models/layout.ts";
import { type ModelDirectory, openModelDirectory } from "../../pretrained/model_directory.ts";
import type { QuantizationSettings } from "../../quantization/quantization_schema.ts";
import { quantizeTensors } from "../../quantization/quantize_tensors.ts";
import type { OpenSession, SessionOptions } from "../../runtime/session.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { openEngine } from "../engine.ts";
import { adapterMethod, fullMethod, type Method } from "../method.ts";
import type { ScheduleName } from "../schedule.ts";
import type { OptimizedState } from "../trained_state.ts";
import { goldenExamples } from "./golden_examples.ts";

/** A run of PEFT's: where it began, what it was fed, and each step's figures. */
export interface GoldenRun {
  model: Model;
  method: Method;
  /** What is trained, where it is an adapter. */
  adapter?: Adapter;
  examples: TokenSequence[];
  settings: GoldenCase["settings"];
  steps: GoldenStep[];
}

export interface GoldenCase {
  model: string;
  /** Adapter directory that the run starts from, where it is not beside the case. */
  initial?: string;
  quantization?: QuantizationSettings;
  examples: string;
  settings: {
    batchSize: number;
    weightDecay: number;
    maxGradNorm: number;
    learningRate: number;
    trainableLayers?: number;
  };
  rates?: { loraplus_lr_ratio?: number; loraplus_lr_embedding?: number };
}

/** How a run of transformers' Trainer steps. */
export interface TrainerSettings {
  batchSize: number;
  learningRate: number;
  weightDecay: number;
  warmupRatio: number;
  schedule: ScheduleName;
  maxGradNorm: number;
}

export interface GoldenStep {
  loss: number;
  learningRate: number;
  gradNorm: number;
}

const json = (path: string) => JSON.parse(readFileSync(goldenPath(path), "utf8"));

/**
 * The run in the directory `path` of the goldens.
 * @param cache a directory for weights that the run quantizes
 */
export async function openGoldenRun(path: string, cache?: string): Promise<GoldenRun> {
  const golden: GoldenCase = json(`${path}/case.json`);
  const directory = await openModelDirectory(goldenPath(golden.model));
  const model = readModel(directory.config);
  const tensors = golden.quantization
    ? await quantizeTensors(directory.tensors, modelLayout(model), golden.quantization, { directory: cache })
    : directory.tensors;
  const run = {
    model,
    examples: goldenExamples(golden.examples),
    settings: golden.settings,
    steps: json(`${path}/metrics.json`) as GoldenStep[],
  };
  const initial = goldenPath(golden.initial ?? `${path}/initial`);
  if (!existsSync(initial)) return { ...run, method: await fullOf(directory, model, golden) };
  const adapter = fitAdapter(await readAdapterDirectory(initial), adapterSites(model));
  const { loraplus_lr_ratio: B, loraplus_lr_embedding = 1e-6 } = golden.rates ?? {};
  const embedding = loraplus_lr_embedding / golden.settings.learningRate;
  const method = adapterMethod(tensors, adapter, undefined, {
    embedding: model.ends.embedding,
    rates: B === undefined ? undefined : { B, embedding },
  });
  return { ...run, method, adapter };
}

async function fullOf({ tensors }: ModelDirectory, model: Model, { settings }: GoldenCase): Promise<Method> {
  const { parameters } = modelLayout(model);
  const { trainableLayers } = settings;
  const names = trainableLayers ? lastLayers(parameters.keys(), trainableLayers) : parameters.keys();
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const name of names)
    weights.set(name, { shape: parameters.get(name)!, data: await readTensor(tensors.get(name)!) });
  return fullMethod(weights, tensors);
}

/** How far steps are from the golden's, relative: the largest distances. */
export interface Distance {
  loss: number;
  gradNorm: number;
}

/** Trains as the golden run did, its first `count` steps, with `state` to keep what is trained and to update it. */
export async function distanceFromGolden<G>(
  { model, method, examples, settings, steps }: GoldenRun,
  state: OptimizedState<G>,
  open: OpenSession,
  session: SessionOptions,
  count = steps.length,
): Promise<Distance> {
  const engine = await openEngine(model, method, open, { rowLength: 128, session, state });
  const perEpoch = Math.ceil(examples.length / settings.batchSize);
  const worst = { loss: 0, gradNorm: 0 };
  try {
    for (const [i, wanted] of steps.slice(0, count).entries()) {
      const start = (i % perEpoch) * settings.batchSize;
      const { loss, gradients } = await engine.gradients(examples.slice(start, start + settings.batchSize));
      const { learningRate } = wanted;
      const gradNorm = await state.step(gradients, { ...settings, step: i + 1, learningRate });
      worst.loss = Math.max(worst.loss, relative(loss, wanted.loss));
      worst.gradNorm = Math.max(worst.gradNorm, relative(gradNorm, wanted.gradNorm));
    }
  } finally {
    await engine.release();
    await state.release();
  }
  return worst;
}

const relative = (a: number, b: number) => Math.abs(a - b) / Math.abs(b);
