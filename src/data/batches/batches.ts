import { AttuneError } from "../../text/errors.ts";
import type { EpochOrder } from "./mixture.ts";

export interface Batch {
  /** Counted from 0. */
  epoch: number;
  /** Indices of the batch's examples. */
  examples: number[];
}

export interface BatchOrder {
  stepsPerEpoch: number;
  /** @param step counted from 1, as in metrics.jsonl. */
  at(step: number): Batch;
}

/**
 * The order in which examples are trained on. A batch is `batchSize` examples and doesn't reach across epochs, so an
 * epoch's last may be smaller. Any step's batch can be asked for at any time: a resume needs nothing else.
 */
export function batchOrder(epochs: EpochOrder, batchSize: number): BatchOrder {
  if (epochs.examples < 1)
    throw new AttuneError({
      code: "data.no-examples",
      place: "data",
      problem: "there are no examples to train on",
    });
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new AttuneError({
      code: "data.wrong-batch-size",
      place: "batchSize",
      expected: "an integer of at least 1",
      got: `${batchSize}`,
    });
  const stepsPerEpoch = Math.ceil(epochs.examples / batchSize);
  const orderOf = rememberLast((epoch) => epochs.at(epoch));
  return {
    stepsPerEpoch,
    at(step) {
      const epoch = Math.floor((step - 1) / stepsPerEpoch);
      const start = ((step - 1) % stepsPerEpoch) * batchSize;
      return { epoch, examples: [...orderOf(epoch).subarray(start, start + batchSize)] };
    },
  };
}

function rememberLast(orderOf: (epoch: number) => Uint32Array): (epoch: number) => Uint32Array {
  let last: { epoch: number; order: Uint32Array } | undefined;
  return (epoch) => {
    if (last?.epoch !== epoch) last = { epoch, order: orderOf(epoch) };
    return last.order;
  };
}
