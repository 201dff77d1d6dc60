import { describe, expect, test } from "vitest";
import * as z from "zod";
import { task } from "./task_schema.ts";

const template = { input: "Is this good? {{text}}", output: "{{label}}" };
const problems = (value: unknown) =>
  task.safeParse(value).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);

describe("task", () => {
  test("defaults", () => {
    expect(task.parse({ templates: [template] })).toEqual({
      templates: [template],
      inversions: [],
      phrasings: "one",
      label: "label",
      fewShot: 0,
    });
  });

  test("a pattern that can't be read, or reads no column, says where and why", () => {
    expect(problems({ templates: [template, { ...template, input: "Say {{text | upper}}" }] })).toEqual([
      expect.stringMatching(/^templates\.1\.input: .*expected a column's name alone/),
    ]);
    expect(problems({ templates: [{ input: "Is {text} good?", output: "yes" }] })).toEqual([
      expect.stringMatching(/^templates\.0\.input: expected a column, as in \{\{text\}\}/),
      expect.stringMatching(/^templates\.0\.output: expected a column/),
    ]);
  });

  test("unknown keys and empty lists are refused", () => {
    expect(problems({ templates: [template], fewshot: 2 })).toHaveLength(1);
    expect(problems({ templates: [] })).toHaveLength(1);
    expect(problems({ templates: [template], choices: [] })).toHaveLength(1);
    expect(problems({ templates: [template], fewShot: 1000 })).toHaveLength(1);
  });

  test("has a JSON schema, every key described", () => {
    const { properties } = z.toJSONSchema(task, { io: "input" });
    for (const property of Object.values(properties!))
      expect(property).toHaveProperty("description", expect.any(String));
  });
});
