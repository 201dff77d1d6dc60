import { expect, test } from "vitest";
import { jsonSchemaScore } from "./json_schema.ts";
import { patternScore } from "./pattern.ts";
import { type Score, scoreOf } from "./score.ts";

const one = (score: Score, answer: string) => scoreOf(score, [{ answer, references: [] }]);
const schema = (value: unknown) => jsonSchemaScore(value, "schema.json");
const code = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};

test("a pattern is JavaScript's, looked for in the trimmed answer", () => {
  const score = patternScore("^Answer: \\p{Lu}$", "evaluation.scores.pattern");
  expect(one(score, " Answer: B\n")).toBe(1);
  expect(one(score, "The Answer: B")).toBe(0);
});

test("a pattern that is none, is too long or runs away is refused by name", () => {
  expect(() => patternScore("(", "evaluation.scores.pattern")).toThrow(/evaluation\.scores\.pattern/);
  expect(code(() => patternScore("a".repeat(10_001), "x"))).toBe("evaluation.bad-pattern");
  const slow = patternScore("^(a+)+$", "evaluation.scores.pattern");
  expect(code(() => one(slow, `${"a".repeat(60)}b`))).toBe("evaluation.slow-pattern");
});

test("a schema is checked as its draft has it", () => {
  const person = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
  const score = schema(person);
  expect(one(score, '{"name": "Ann"}')).toBe(1);
  expect(one(score, '```json\n{"name": 1}\n```')).toBe(0);
  expect(one(score, "Ann")).toBe(0);
  const tree = { properties: { children: { items: { $ref: "#" } }, name: { type: "string" } } };
  expect(one(schema(tree), '{"children": [{"name": "a"}]}')).toBe(1);
  expect(one(schema(tree), '{"children": [{"name": 1}]}')).toBe(0);
  const seven = { $schema: "http://json-schema.org/draft-07/schema#", items: [{ const: 1 }] };
  expect(one(schema(seven), "[2]")).toBe(0);
});

test.each([
  ["no schema", [1]],
  ["a type there isn't", { type: "strng" }],
  ["a keyword there isn't", { propertes: {} }],
  ["a file elsewhere", { $ref: "https://example.com/schema.json" }],
  ["a pattern that is none", { pattern: "(" }],
  ["draft 4", { $schema: "http://json-schema.org/draft-04/schema#" }],
])("%s is refused by name", (_, value) => {
  expect(() => schema(value)).toThrow(/^schema\.json: /);
  expect(code(() => schema(value))).toBe("evaluation.bad-schema");
});

test("a schema that runs away, in a pattern, in itself or by doubling, ends in an error that names it", () => {
  const answer = JSON.stringify(`${"a".repeat(60)}b`);
  expect(code(() => one(schema({ pattern: "^(a+)+$" }), answer))).toBe("evaluation.slow-schema");
  expect(code(() => one(schema({ $ref: "#" }), "1"))).toBe("evaluation.slow-schema");
  const $defs: Record<string, unknown> = { d0: { minimum: 0 } };
  for (let i = 1; i < 40; i++) {
    const half = { $ref: `#/$defs/d${i - 1}` };
    $defs[`d${i}`] = { allOf: [half, half] };
  }
  expect(code(() => one(schema({ $defs, $ref: "#/$defs/d39" }), "1"))).toBe("evaluation.slow-schema");
  let deep: unknown = {};
  for (let i = 0; i < 20_000; i++) deep = { not: deep };
  expect(["evaluation.slow-schema", "evaluation.bad-schema"]).toContain(code(() => schema(deep)));
});
