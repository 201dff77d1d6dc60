import { expect, test } from "vitest";
import { normalQuantile } from "./normal_quantile.ts";

// torch.distributions.Normal(0, 1).icdf in float64.
test.each([
  [0.95, 1.6448536269514722],
  [0.5, 0],
  [0.001, -3.090232306167813],
  [0.7, 0.5244005127080407],
])("the quantile at %d is %d", (p, x) => {
  expect(normalQuantile(p)).toBeCloseTo(x, 10);
});
