import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { type State, startOf } from "./automaton.ts";
import { anyObject } from "./json_grammar.ts";
import { schemaGrammar } from "./schema_grammar.ts";

/** Whether `text` is whole under the grammar. */
function fits(grammar: ReturnType<typeof schemaGrammar>, text: string): boolean {
  let state: State | undefined = startOf(grammar);
  for (const byte of new TextEncoder().encode(text)) state = state?.after(byte);
  return state?.isEnd === true;
}

const point = {
  type: "object",
  properties: { x: { type: "integer" }, y: { type: "number" } },
  required: ["x"],
};

describe.each<[object, unknown[], unknown[]]>([
  [{ type: "string" }, ["", "a", 'q"\\\n', "é漢😀"], [1, null, ["a"]]],
  [{ type: "string", minLength: 2, maxLength: 3 }, ["ab", "é漢", "😀😀😀"], ["a", "abcd", ""]],
  [{ type: "integer" }, [0, -5, 1200], [1.5, "1", null]],
  [{ type: "number" }, [0, -0.5, 1e21, 3.25, -1e-7], ["1", true]],
  [{ type: "boolean" }, [true, false], [0, "true"]],
  [{ type: "null" }, [null], [0, {}]],
  [{ type: ["string", "null"] }, ["a", null], [1]],
  [{ enum: ["red", 5, null, { a: [1] }] }, ["red", 5, null, { a: [1] }], ["re", 55, {}]],
  [{ const: "only" }, ["only"], ["onl", "only1"]],
  [{ type: "string", enum: ["a", 5] }, ["a"], [5]],
  [{ anyOf: [{ type: "integer" }, { type: "array", items: { type: "boolean" } }] }, [1, [true]], [[1], "x"]],
  [
    { type: "array", items: { type: "integer" }, minItems: 2, maxItems: 3 },
    [
      [1, 2],
      [1, 2, 3],
    ],
    [[], [1], [1, 2, 3, 4], ["a", "b"]],
  ],
  [{ type: "array", maxItems: 0 }, [[]], [[1]]],
  [{ type: "array" }, [[], [1, "a", { b: [] }]], [{}]],
  [point, [{ x: 1 }, { x: 1, y: 0.5 }], [{}, { y: 1 }, { x: 1.5 }, { x: 1, z: 1 }]],
  [
    { type: "object", properties: { a: { type: "null" }, b: { type: "null" } } },
    [{}, { a: null }, { b: null }, { a: null, b: null }],
    [{ c: null }],
  ],
  [{ type: "object", additionalProperties: false }, [{}], [{ a: 1 }]],
  [{ type: "object", additionalProperties: { type: "integer" } }, [{}, { "any key": 1, b: 2 }], [{ a: "x" }]],
  [
    {
      $defs: { tree: { type: "object", properties: { left: { $ref: "#/$defs/tree" } }, required: [] } },
      $ref: "#/$defs/tree",
    },
    [{}, { left: {} }, { left: { left: {} } }],
    [{ left: 1 }, []],
  ],
])("%j", (schema, fitting, others) => {
  const grammar = schemaGrammar(schema);
  const validate = new Ajv({ strict: false }).compile(schema);

  test("what it allows fits, and what doesn't fit is not allowed", () => {
    for (const value of fitting) {
      expect(fits(grammar, JSON.stringify(value)), JSON.stringify(value)).toBe(true);
      expect(validate(value)).toBe(true);
    }
    for (const value of others)
      expect(fits(grammar, JSON.stringify(value)), JSON.stringify(value)).toBe(false);
  });
});

test("white space stands where JSON has it, and is bounded", () => {
  const grammar = schemaGrammar(point);
  expect(fits(grammar, '{ "x": 1, "y": 2 }')).toBe(true);
  expect(fits(grammar, '{\n  "x": 1,\n  "y": 2\n}')).toBe(true);
  expect(fits(grammar, `{${" ".repeat(40)}"x":1}`)).toBe(false);
});

test("broken JSON is none", () => {
  for (const text of [
    "{",
    '{"a"}',
    '{"a":1,}',
    '{"a":01}',
    '{"a":"\\ud83d"}',
    '{"a":"\n"}',
    '{"a":+1}',
    "[1]",
    "",
  ])
    expect(fits(anyObject, text), text).toBe(false);
  for (const text of ["{}", '{"a": [1, {"b": "\\u00e9"}], "c": -1.5e+3}'])
    expect(fits(anyObject, text)).toBe(true);
});

test.each<[unknown, string]>([
  [{ type: "string", pattern: "a+" }, "pattern"],
  [{ type: "string", format: "date" }, "format"],
  [{ type: "integer", minimum: 1 }, "minimum"],
  [{ oneOf: [{ type: "string" }] }, "oneOf"],
  [{ allOf: [{ type: "string" }] }, "allOf"],
  [{ type: "array", prefixItems: [] }, "prefixItems"],
  [{ type: "array", uniqueItems: true }, "uniqueItems"],
  [{ type: "object", patternProperties: {} }, "patternProperties"],
  [{ type: "object", properties: { a: { type: "string", not: {} } } }, "not"],
  [{ anyOf: [{ type: "string" }], type: "string" }, "type"],
])("%j is refused, and says %s", (schema, key) => {
  expect(() => schemaGrammar(schema)).toThrow(`${key} is not supported`);
});

test.each<[unknown, string]>([
  [{ type: "text" }, "generation.wrong-schema"],
  [{ type: "object", required: ["a"] }, "generation.wrong-schema"],
  [{ $ref: "http://elsewhere/x" }, "generation.wrong-schema"],
  [{ $ref: "#/$defs/none" }, "generation.wrong-schema"],
  [{ type: "string", minLength: 3, maxLength: 2 }, "generation.wrong-schema"],
  [{ $ref: "#" }, "generation.circular-schema"],
  [{ anyOf: [{ type: "null" }, { $ref: "#" }] }, "generation.circular-schema"],
  [{ type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }, "generation.endless-schema"],
  [{ enum: ["x".repeat(200_000)] }, "generation.large-schema"],
])("%j is refused", (schema, code) => {
  expect(() => schemaGrammar(schema)).toThrow(expect.objectContaining({ code }));
});
