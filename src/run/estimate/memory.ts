import { deviceParts } from "../../graph/passes/device_part.ts";
import { type HalfGraph, inHalf } from "../../graph/passes/in_half.ts";
import { liveBytes } from "../../graph/passes/live_bytes.ts";
import { BYTES, isWeight } from "../../graph/sources.ts";
import { sizeOf, type Tensor } from "../../graph/tensor.ts";
import { reachable } from "../../graph/walk.ts";
import type { Model } from "../../models/family.ts";
import { type Device, keepsTensors } from "../../runtime/session.ts";
import { groupBy } from "../../text/group_by.ts";
import { labelLosses } from "../../training/label_losses.ts";
import type { Method } from "../../training/method.ts";
import { partsOfRow } from "../../training/row_length.ts";
import { linksOf } from "../../training/sums_in_graph.ts";
import { addsInGraph } from "../../training/trained_state.ts";
import { trainingGraph } from "../../training/training_graph.ts";
import type { PassSize } from "./pass_cost.ts";

/** Where a run's memory goes at its peak, in bytes. */
export interface MemoryParts {
  /** Node, ONNX Runtime, attune, tokenizer and graphs. */
  program: number;
  /** Frozen weights: mapped from their files once for each graph, or placed on a GPU once. */
  weights: number;
  /** What is trained: values, sums of gradients, AdamW's moments; elsewhere than on the CPU a pass's gradients beside the sums. */
  trained: number;
  /** What lies between the layers. */
  activations: number;
}

export interface MemoryPlan {
  model: Model;
  method: Method;
  largest: PassSize;
  gradientCheckpointing?: boolean;
  /** Most passes of a step: from two on, gradients are summed. */
  passes: number;
  /** The largest pass of each graph beside the training one: evaluation, or the reference. */
  forward: readonly PassSize[];
  /** "cpu" when left out. */
  device?: Device;
  /** Linear layers are computed in float16. */
  half?: boolean;
}

/**
 * MeasuredRun on Linux with onnxruntime 1.30 (`bench/estimate.ts`): what a run takes beside weights, values and activations, and
 * what the runtime's arena keeps beyond the live values because they don't fit into its gaps.
 */
export const PROGRAM = 230e6;
const ARENA = 1.3;

/** By the graph itself: what the runtime holds at the worst moment of the largest pass. */
export function plannedMemory({
  model,
  method,
  largest,
  gradientCheckpointing,
  passes,
  forward,
  device = "cpu",
  half = false,
}: MemoryPlan): MemoryParts {
  const losses = labelLosses(method.adapt(model, true), method.scope(true), {
    ...{ ...partsOfRow(largest.T, device), inIntegers: true },
  });
  const typed = (outputs: Record<string, Tensor>) => (half ? inHalf(outputs) : whole(outputs));
  const training = typed(trainingGraph(losses, method, gradientCheckpointing));
  const { nll, ...gradients } = training.graph;
  const outputs = [nll!, ...Object.values(gradients)];
  const onDevice = keepsTensors(device);
  const inGraph = addsInGraph(method.trainables, device);
  const ends = inGraph
    ? [nll!, ...method.trainables.flatMap((t) => Object.values(linksOf(gradients, t)))]
    : outputs;
  // In WASM gradients lie with the other values until the end, and are copied out.
  const inside = onDevice || device === "cpu" ? [] : Object.values(gradients);
  const looked = Object.values(typed({ nll: losses.nll }).graph);
  const looking = forward.map((size) => liveBytes(looked, size));
  const numbers = method.trainables.reduce((n, { shape }) => n + sizeOf(shape), 0);
  return {
    program: PROGRAM,
    weights: onDevice ? placedBytes(training) : mappedBytes(outputs) * (1 + forward.length),
    trained: numbers * (VALUE_GRADIENT_MOMENTS + (inGraph || (onDevice && passes === 1) ? 0 : 4)),
    activations: Math.round(
      looking.reduce((sum, bytes) => sum + ARENA * bytes, ARENA * liveBytes(ends, largest, inside)),
    ),
  };
}

const VALUE_GRADIENT_MOMENTS = 4 + 4 + 8; // bytes, float32 each

export const totalOf = ({ program, weights, trained, activations }: MemoryParts): number =>
  program + weights + trained + activations;

const whole = (graph: Record<string, Tensor>): HalfGraph => ({ graph, halved: new Set() });

/** Bytes of weights as a GPU holds them, whatever graphs read them: 16-bit ones widened, or in float16. */
function placedBytes({ graph, halved }: HalfGraph): number {
  const { device, weights } = deviceParts(graph, halved);
  const placed = [...weights.values()].map(({ widened }) => widened);
  const codes = reachable(Object.values(device)).filter(isWeight);
  return [...placed, ...codes].reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * BYTES[dtype], 0);
}

/** Bytes of weights that the graph reads: a place counts once, though parts of it have entries of their own. */
function mappedBytes(outputs: readonly Tensor[]): number {
  const byFile = groupBy(
    reachable(outputs)
      .filter(isWeight)
      .map(({ attributes: { source } }) =>
        "bytes" in source
          ? { file: source.bytes.buffer, from: source.bytes.byteOffset, length: source.bytes.byteLength }
          : { file: source.file, from: source.offset, length: source.byteLength },
      ),
    ({ file }) => file,
  );
  return [...byFile.values()].reduce((sum, places) => sum + covered(places), 0);
}

function covered(places: readonly { from: number; length: number }[]): number {
  let [end, total] = [0, 0];
  for (const { from, length } of places.toSorted((a, b) => a.from - b.from)) {
    total += Math.max(0, from + length - Math.max(from, end));
    end = Math.max(end, from + length);
  }
  return total;
}
