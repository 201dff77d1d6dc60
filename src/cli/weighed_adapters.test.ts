import { expect, test } from "vitest";
import { parseWeighed } from "./weighed_adapters.ts";

test("directories with weights, named by themselves or by the user", () => {
  expect(parseWeighed(["runs/a/adapter=0.7", "b=x=y=-2e-1"])).toEqual([
    { name: "a", path: "runs/a/adapter", weight: 0.7 },
    { name: "b", path: "x=y", weight: -0.2 },
  ]);
});

test.each(["runs/a", "runs/a=", "runs/a=much", "runs/a=0", "=1", "runs/a=Infinity"])(
  "%s is refused",
  (value) => {
    expect(() => parseWeighed([value])).toThrow(/expected a directory and its weight/);
  },
);

test("two of one name are refused", () => {
  expect(() => parseWeighed(["x/adapter=1", "x/adapter=2"])).toThrow(/called "x" already/);
});
