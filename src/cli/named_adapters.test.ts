import { describe, expect, test } from "vitest";
import { namedAdapters } from "./named_adapters.ts";

describe("namedAdapters", () => {
  test.each([
    [["adapters/poet"], { poet: "adapters/poet" }],
    [["runs/a/adapter", "runs/b/best/"], { a: "runs/a/adapter", b: "runs/b/best/" }],
    [["x=runs/a/adapter", "y=runs/a/best"], { x: "runs/a/adapter", y: "runs/a/best" }],
    [["runs/lr=1/adapter"], { "lr=1": "runs/lr=1/adapter" }],
  ])("%j", (values, expected) => {
    expect(namedAdapters(values)).toEqual(expected);
  });

  test("two of one name, and the base's, are refused with the way out", () => {
    expect(() => namedAdapters(["runs/a/adapter", "runs/a/best"])).toThrow(
      /Name them: --adapter a=runs\/a\/adapter/,
    );
    expect(() => namedAdapters(["models/base"])).toThrow(/another name: NAME=models\/base/);
  });
});
