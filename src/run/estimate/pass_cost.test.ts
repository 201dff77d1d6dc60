import { expect, test } from "vitest";
import { openBase } from "../../pretrained/base.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { trainingCost } from "./pass_cost.ts";

test("8-bit products of linear layers cost less, the rest the same", async () => {
  const { model } = await openBase(goldenPath("models/llama-gqa"));
  const kinds = { trainsWeights: false, recomputes: false };
  const [exact, int8] = [trainingCost(model, kinds), trainingCost(model, { ...kinds, inIntegers: true })];
  const [none, some] = [
    { T: 0, S: 64 },
    { T: 64, S: 64 },
  ];
  const linear = (cost: typeof exact) => cost(some) - cost(none);
  expect(linear(int8)).toBeLessThan(linear(exact));
  expect(int8({ T: 0, S: 64 }) - int8({ T: 0, S: 0 })).toBeCloseTo(
    exact({ T: 0, S: 64 }) - exact({ T: 0, S: 0 }),
  );
});
