import { describe, expect, test } from "vitest";
import * as z from "zod";
import { describeFault } from "./errors.ts";
import { checkShape } from "./zod_faults.ts";

const told = (schema: z.ZodType, value: unknown, place?: string) => {
  const { faults } = checkShape(schema, value, { code: "test.shape", place });
  return (faults ?? []).map(describeFault);
};

test("what fits comes back as the schema makes it", () => {
  expect(checkShape(z.object({ a: z.int().default(3) }), {}, { code: "test" })).toEqual({ data: { a: 3 } });
});

test("each fault carries the code and the key", () => {
  const { faults } = checkShape(z.object({ a: z.int() }), { a: "x" }, { code: "test.shape", place: "rope" });
  expect(faults).toEqual([{ code: "test.shape", place: "rope.a", expected: "a number", got: '"x"' }]);
});

describe("in our own words", () => {
  test.each<[z.ZodType, unknown, string]>([
    [z.number(), undefined, "a: is missing; expected a number"],
    [z.number(), "5", 'a: expected a number, got "5"'],
    [z.number(), Number.NaN, "a: expected a number, got NaN"],
    [z.number(), null, "a: expected a number, got null"],
    [z.int(), 2.5, "a: expected a whole number, got 2.5"],
    [z.int().positive(), 0, "a: expected more than 0, got 0"],
    [z.int().max(9), 10, "a: expected at most 9, got 10"],
    [z.string(), 5, "a: expected text, got 5"],
    [z.boolean(), "yes", 'a: expected true or false, got "yes"'],
    [z.array(z.int()), { b: 1 }, 'a: expected a list, got {"b":1}'],
    [z.array(z.int()), [1, "x"], 'a.1: expected a number, got "x"'],
    [z.array(z.int()).length(2), [1], "a: expected at least 2 entries, got [1]"],
    [z.record(z.string(), z.int()), [], "a: expected an object, got []"],
    [z.enum(["x", "y"]), "z", 'a: expected one of "x", "y", got "z"'],
    [z.literal(false), true, "a: expected false, got true"],
    [z.literal(false, "is not computed"), true, "a: is not computed; got true"],
    [z.union([z.int(), z.string()]), null, "a: expected a number or text, got null"],
    [z.union([z.int(), z.array(z.int())]), [1, "x"], 'a.1: expected a number, got "x"'],
    [z.strictObject({}), { b: 1 }, "a.b: unknown key"],
  ])("%#", (schema, value, message) => {
    expect(told(z.object({ a: schema }), { a: value })).toEqual([message]);
  });

  test("the value itself, without a key", () => {
    expect(told(z.object({}), 5)).toEqual(["expected an object, got 5"]);
    expect(told(z.object({}), 5, "config.json")).toEqual(["config.json: expected an object, got 5"]);
  });
});
