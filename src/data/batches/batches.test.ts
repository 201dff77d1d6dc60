import { describe, expect, test } from "vitest";
import { AttuneError } from "../../text/errors.ts";
import { batchOrder } from "./batches.ts";
import { mixtureOrder } from "./mixture.ts";

const settings = { datasets: [{ size: 10 }], shuffle: true, seed: 42 };
const batches = (changes: Partial<typeof settings> = {}) =>
  batchOrder(mixtureOrder({ ...settings, ...changes }), 4);

describe("batchOrder", () => {
  test("without shuffle: file order, batches don't reach across epochs", () => {
    const order = batches({ shuffle: false });
    expect(order.stepsPerEpoch).toBe(3);
    expect([1, 2, 3, 4].map(order.at)).toEqual([
      { epoch: 0, examples: [0, 1, 2, 3] },
      { epoch: 0, examples: [4, 5, 6, 7] },
      { epoch: 0, examples: [8, 9] },
      { epoch: 1, examples: [0, 1, 2, 3] },
    ]);
  });

  test("an epoch holds every example once, in another order each epoch and for each seed", () => {
    const epochOf = (seed: number, epoch: number) => {
      const order = batches({ seed });
      return [1, 2, 3].flatMap((step) => order.at(3 * epoch + step).examples);
    };
    expect(epochOf(42, 0).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(epochOf(42, 1)).not.toEqual(epochOf(42, 0));
    expect(epochOf(43, 0)).not.toEqual(epochOf(42, 0));
  });

  test("any step can be asked for, in any order", () => {
    const [forward, backward] = [batches(), batches()];
    const steps = [1, 2, 3, 4, 5, 6, 7];
    expect(steps.toReversed().map(backward.at)).toEqual(steps.map(forward.at).toReversed());
  });

  test("no examples, or no batch, is an error", () => {
    expect(() => batches({ datasets: [{ size: 0 }] })).toThrow(AttuneError);
    expect(() => batchOrder(mixtureOrder(settings), 0)).toThrow(/batchSize/);
  });
});
