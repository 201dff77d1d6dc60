import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { describeFailure, forTerminal } from "./failure.ts";

describe("describeFailure", () => {
  test("what a user can act on is a message", () => {
    const text = describeFailure(
      new AttuneError({ code: "cli.test", place: "recipe.yaml", problem: "no such key" }),
    );
    expect(text).toMatch(/recipe\.yaml: no such key$/);
    expect(text).not.toContain("report");
  });

  test("a fault of ours comes with its stack, the versions and the wish to hear of it", () => {
    const text = describeFailure(new TypeError("undefined is not a tensor"));
    expect(text).toContain("please report it");
    expect(text).toMatch(/attune \d.*Node v\d/);
    expect(text).toMatch(/TypeError: undefined is not a tensor\n +at /);
  });
});

test("printable leaves nothing that steers a terminal", () => {
  expect(forTerminal("a\x1b[31mb\x1b[0m\rc\x07\td\n\x9b2Je")).toBe("ab\uFFFDc\uFFFD\td\ne");
});
