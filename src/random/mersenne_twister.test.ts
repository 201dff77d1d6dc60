import { expect, test } from "vitest";
import { mersenneTwister } from "./mersenne_twister.ts";

test("draws what its authors' program draws from seed 5489, the 10,000th of which the C++ standard names", () => {
  const next = mersenneTwister(5489);
  const first = [next(), next(), next()];
  expect(first).toEqual([3499211612, 581869302, 3890346734]);
  let last = 0;
  for (let i = 3; i < 10_000; i++) last = next();
  expect(last).toBe(4123659995);
});
