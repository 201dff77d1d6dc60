import { packRows, type Row } from "../data/packing/pack.ts";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import { gradients } from "../graph/gradients.ts";
import { lower } from "../graph/lower.ts";
import type { OnnxModel } from "../graph/onnx.ts";
import { recomputed } from "../graph/recompute.ts";
import { isInput } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { reachable } from "../graph/walk.ts";
import type { Model } from "../models/family.ts";
import type { OpenSession, SessionOptions, TensorData } from "../runtime/session.ts";
import type { Method } from "./method.ts";
import { type Neftune, neftuneNoise } from "./neftune.ts";
import { type Objective, objective } from "./objective.ts";
import { rowFeeds } from "./row_feeds.ts";

/** The loss of a batch: Σ weight · nll / Σ weight over its labels, however it was split into rows. */
export interface BatchLoss {
  loss: number;
  /** Tokens of the examples. */
  tokens: number;
  /** Tokens the model computed: fewer, where examples share a prefix. */
  computedTokens: number;
  /** Labels of the examples. */
  supervisedTokens: number;
  /** Places in the batch of examples whose loss is not a finite number. */
  broken: number[];
}

export interface Engine {
  /**
   * The loss of `batch` and its gradient by each of the method's trainables, in their order. The arrays are the
   * engine's own and hold until the next call.
   */
  gradients(
    batch: readonly TokenSequence[],
    extra?: RowFeeds,
  ): Promise<BatchLoss & { gradients: Float32Array[] }>;
  /** The loss of `batch`, dropout and noise off. */
  evaluate(batch: readonly TokenSequence[]): Promise<BatchLoss>;
  release(): Promise<void>;
}

/** What a row is fed beyond itself: dropout's words, and the noise's. */
export type RowFeeds = (row: Row) => Record<string, TensorData>;

export interface EngineOptions {
  /** Tokens a row may hold: as many examples as fit are computed side by side. */
  rowLength: number;
  /** False: every sequence is computed by itself, to measure what sharing saves. */
  sharePrefixes?: boolean;
  /** Noise at the embeddings while training, which also switches prefix sharing off: it depends on the whole sequence. */
  neftune?: Neftune;
  /** Whether blocks keep nothing but their input for the backward pass: all, none or, when left out, as `recomputed` has it. */
  gradientCheckpointing?: boolean;
  session: SessionOptions;
}

type Pass = (row: Row, factor: number, index: number) => Promise<Record<string, TensorData>>;

/** Compiles `model` under `method` once; every batch then runs the same graph, in as many passes as it takes. */
export async function openEngine(
  model: Model,
  method: Method,
  open: OpenSession,
  { rowLength, sharePrefixes = true, neftune, gradientCheckpointing, session: options }: EngineOptions,
): Promise<Engine> {
  const { trainables } = method;
  const parameters = Object.fromEntries(trainables.map((t) => [t.name, t]));
  const buffers = trainables.map(zeros);
  const into = Object.fromEntries(trainables.map(({ name }, i) => [gradientName(name), buffers[i]!]));
  const training = objective(method.adapt(model, true), method.scope(true), neftune && neftuneNoise(neftune));
  const session = await open(trainingModel(training, method, gradientCheckpointing), options);
  const computed = () => buffers.map(({ data }) => data as Float32Array);
  let sums: Float32Array[] | undefined; // made when a batch takes several rows
  let evaluation: ReturnType<typeof openEvaluation> | undefined;
  const openEvaluation = async () => {
    const { loss, nll, shareable } = objective(method.adapt(model, false), method.scope(false));
    return { session: await open(lower({ loss, nll }), options), shareable };
  };

  return {
    async gradients(batch, extra = () => ({})) {
      const rows = packRows(batch, rowLength, { share: sharePrefixes && training.shareable });
      const result = await runRows(batch, rows, async (row, factor, index) => {
        const outputs = await session.run({ ...rowFeeds(row, factor), ...extra(row), ...parameters }, into);
        if (rows.length > 1) sums = accumulate(sums, computed(), index === 0);
        return outputs;
      });
      return { ...result, gradients: rows.length > 1 ? sums! : computed() };
    },
    async evaluate(batch) {
      evaluation ??= openEvaluation();
      const { session, shareable } = await evaluation;
      const rows = packRows(batch, rowLength, { share: sharePrefixes && shareable });
      return runRows(batch, rows, (row, factor) => session.run({ ...rowFeeds(row, factor), ...parameters }));
    },
    async release() {
      await session.release();
      await (await evaluation)?.session.release();
    },
  };
}

/** Runs each row, its weights divided by the sum over all rows, and adds the losses up. */
async function runRows(
  batch: readonly TokenSequence[],
  rows: readonly Row[],
  pass: Pass,
): Promise<BatchLoss> {
  const total = rows.reduce((sum, { weights }) => weights.reduce((n, w) => n + w, sum), 0);
  const tokens = batch.reduce((n, example) => n + example.tokens.length, 0);
  const result = { loss: 0, tokens, computedTokens: 0, supervisedTokens: 0 };
  const broken = new Set<number>();
  for (const [index, row] of rows.entries()) {
    const { loss, nll } = await pass(row, 1 / total, index);
    result.loss += (loss!.data as Float32Array)[0]!;
    result.computedTokens += row.tokens.length;
    for (const { length } of row.examples) result.supervisedTokens += length;
    (nll!.data as Float32Array).forEach((value, s) => {
      if (!Number.isFinite(value)) for (const example of row.examples[s]!) broken.add(example);
    });
  }
  return { ...result, broken: [...broken].sort((a, b) => a - b) };
}

/** Loss, and the gradient of each trainable. */
function trainingModel({ loss, nll }: Objective, method: Method, checkpointing?: boolean): OnnxModel {
  const forward = reachable([loss]);
  const inputs = new Map(forward.filter(isInput).map((t) => [t.attributes.name, t]));
  const wanted = method.trainables.map(({ name }) => inputs.get(name)!);
  const outputs: Record<string, Tensor> = { loss, nll };
  const recompute = recomputed(forward, checkpointing === undefined ? undefined : Number(checkpointing));
  gradients(loss, wanted, { recompute }).forEach((g, i) => {
    outputs[gradientName(method.trainables[i]!.name)] = g;
  });
  return lower(outputs);
}

const gradientName = (name: string) => `gradient ${name}`;

const zeros = ({ dtype, shape, data }: TensorData): TensorData => ({
  dtype,
  shape,
  data: new Float32Array(data.length),
});

/** `sums` and `terms` added up in place; `terms` alone, copied, when they are the first. */
function accumulate(sums: Float32Array[] | undefined, terms: readonly Float32Array[], first: boolean) {
  if (!sums) return terms.map((term) => term.slice());
  sums.forEach((sum, p) => {
    const term = terms[p]!;
    if (first) sum.set(term);
    else for (let i = 0; i < sum.length; i++) sum[i]! += term[i]!;
  });
  return sums;
}
