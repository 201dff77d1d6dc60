import { isIPv4 } from "node:net";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { type State, startOf } from "./automaton.ts";
import { anyObject } from "./json_grammar.ts";
import { schemaGrammar } from "./schema_grammar.ts";

/** As far as the tests need them: ajv has none of its own. */
const FORMATS = {
  date: (text: string) => new Date(text).toISOString().startsWith(text),
  time: (text: string) => !Number.isNaN(Date.parse(`2026-01-01T${text}`)),
  "date-time": (text: string) => !Number.isNaN(Date.parse(text)),
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  ipv4: (text: string) => isIPv4(text),
  email: /^[^@\s]+@[^@\s]+\.[^@\s]+$/,
};

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
  [{ type: "integer", minimum: 3, maximum: 12 }, [3, 9, 10, 12], [2, 13, 0, 30, -3, 99]],
  [{ type: "integer", minimum: -120, exclusiveMaximum: 5 }, [-120, -99, -1, 0, 4], [-121, 5, -130, -999]],
  [{ type: "integer", minimum: 0 }, [0, 7, 123456], [-1, -12]],
  [{ type: "integer", exclusiveMinimum: 0, maximum: Number.MAX_SAFE_INTEGER }, [1, 1e14], [0, -1]],
  [{ type: "integer", minimum: 0.5, maximum: 1.5 }, [1], [0, 2]],
  [{ type: "number", minimum: 0, maximum: 1 }, [0, 1, 0.25, 0.001], [1.5, -0.5, 2]],
  [{ type: "number", exclusiveMinimum: -2, exclusiveMaximum: 1 }, [-1.5, -1, 0, 0.5], [-2, 1, 1.5, -2.5]],
  [{ type: "number", maximum: -3 }, [-3, -3.5, -400], [-2.5, 0, 3]],
  [{ type: "string", format: "date" }, ["2026-12-31", "0001-02-28"], ["2026-13-01", "2026-04-31", "x", ""]],
  [{ type: "string", format: "time" }, ["09:30:00Z", "23:59:59.5+01:00"], ["24:00:00Z", "09:30"]],
  [{ type: "string", format: "date-time" }, ["2026-01-31T00:00:00Z"], ["2026-01-31"]],
  [{ type: "string", pattern: "^[A-Z]{2}\\d+$" }, ["AB1", "ZZ000"], ["A1", "AB", "ab1", "AB1x", "AB١"]],
  [{ type: "string", pattern: "^a.*" }, ["a", 'a"q\\', "a\n你😀"], ["", "ba"]],
  [
    { type: "string", pattern: "^(?:red|[^a-y]{1,2}|\\$\\.)$" },
    ["red", "z", "Z9", "你", '"\\', "$."],
    ["re", "a", "zzz"],
  ],
  [{ type: "string", pattern: "^$|^你好?$" }, ["", "你", "你好"], ["好", "你你"]],
  [{ type: "string", pattern: "^[一-三]\\u4e03[^a]$" }, ["一七b", "三七漢"], ["四七b", "一八b", "一七a"]],
  [{ type: "string", format: "starts_with", pattern: "^\\w+ \\S\\s?$" }, ["a_9 x", "b y "], ["é x", "a  "]],
  [{ type: "string", format: "uuid" }, ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]],
  [{ type: "string", format: "ipv4" }, ["0.10.255.199"], ["256.0.0.1", "1.2.3", "01.2.3.4"]],
  [{ type: "string", format: "email" }, ["a.b@mail.example.com"], ["a", "a@b", "@b.c", "a..b@c.d"]],
  [
    { type: "array", prefixItems: [{ type: "integer" }, { type: "boolean" }], items: false },
    [[1, true]],
    [
      [true, 1],
      [1, true, 2],
    ],
  ],
  [
    { type: "array", prefixItems: [{ type: "null" }], items: { type: "integer" }, minItems: 2, maxItems: 3 },
    [
      [null, 1],
      [null, 1, 2],
    ],
    [[null], [null, 1, 2, 3], [1, 2]],
  ],
  [{ type: "array", items: false }, [[]], [[1]]],
  [{ type: "object", properties: { a: false, b: { type: "null" } } }, [{}, { b: null }], [{ a: 1 }]],
  [{ allOf: [{ type: "boolean" }] }, [true], [1]],
  [{ oneOf: [{ type: "integer" }, { type: "string" }] }, [1, "a"], [true]],
  [
    {
      $defs: { a: { type: "object", properties: { kind: { const: "a" } }, required: ["kind"] } },
      oneOf: [
        { $ref: "#/$defs/a" },
        { type: "object", properties: { kind: { enum: ["b", "c"] } }, required: ["kind"] },
      ],
    },
    [{ kind: "a" }, { kind: "c" }],
    [{}, { kind: "d" }],
  ],
])("%j", (schema, fitting, others) => {
  const grammar = schemaGrammar(schema);
  const ajv = new Ajv2020({ strict: false, formats: FORMATS });
  const validate = ajv.compile(schema);

  test("what it allows fits, and what doesn't fit is not allowed", () => {
    for (const value of fitting) {
      expect(fits(grammar, JSON.stringify(value)), JSON.stringify(value)).toBe(true);
      expect(validate(value)).toBe(true);
    }
    for (const value of others)
      expect(fits(grammar, JSON.stringify(value)), JSON.stringify(value)).toBe(false);
  });
});

/** Of zod's email, uuid, date-time, ipv4 and time, and some more. */
const PATTERNS = [
  "^(?:[A-Za-z0-9_'+\\-]+\\.)*[A-Za-z0-9_'+\\-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$",
  "^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000)$",
  "^(?:(?:\\d\\d[2468][048]|\\d\\d[13579][26]|\\d\\d0[48]|[02468][048]00|[13579][26]00)-02-29|\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|(?:02)-(?:0[1-9]|1\\d|2[0-8])))T(?:(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?(?:Z))$",
  "^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])\\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])$",
  "^(?:[01]\\d|2[0-3]):[0-5]\\d(?::[0-5]\\d(?:\\.\\d+)?)?$",
  "^.{2,8}$",
  '^\\D\\W\\S[^"\\\\x]$',
  "^\\p{L}+[\\w.]*?\\/\\x41\\u0042$",
  "^@[a-zA-Z0-9_]+",
];

test.each(PATTERNS)("what is written of %s is matched by it", (pattern) => {
  const start = startOf(schemaGrammar({ type: "string", pattern }));
  const random = randomBytes(7);
  for (let i = 0; i < 30; i++) {
    const text = JSON.parse(wander(start, random));
    expect(new RegExp(pattern, "u").test(text), text).toBe(true);
  }
});

function randomBytes(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
}

/** A text under the grammar: any bytes that may follow, then those that lead to its end. */
function wander(start: State, random: () => number): string {
  const bytes: number[] = [];
  let at = start;
  while (!at.isEnd) {
    const all = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => at.after(byte));
    const fitting = bytes.length < 20 ? all : all.filter((byte) => at.after(byte)!.least < at.least);
    const byte = fitting[random() % fitting.length]!;
    bytes.push(byte);
    at = at.after(byte)!;
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
}

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
  [{ type: "string", pattern: "^a|b$" }, "pattern"],
  [{ type: "string", pattern: "^(?!a)b$" }, "pattern"],
  [{ type: "string", pattern: "^(a)\\1$" }, "pattern"],
  [{ type: "string", pattern: "^(a*)*$" }, "pattern"],
  [{ type: "string", pattern: "^[" }, "pattern"],
  [{ type: "string", pattern: "^a\\bb$" }, "pattern"],
  [{ type: "string", pattern: "^\\n$" }, "pattern"],
  [{ type: "string", pattern: "^a$", minLength: 1 }, "a length beside pattern"],
  [{ type: "string", format: "hostname" }, 'the format "hostname"'],
  [{ type: "string", format: "date", maxLength: 5 }, "a length beside format"],
  [{ type: "integer", multipleOf: 5 }, "multipleOf"],
  [{ type: "number", minimum: 0.5 }, "minimum that is no whole number"],
  [{ oneOf: [{ type: "number" }, { type: "integer" }] }, "by a constant key"],
  [{ oneOf: [{ type: "object" }, { type: "object" }] }, "by a constant key"],
  [{ allOf: [{ type: "string" }, { maxLength: 2 }] }, "allOf of several"],
  [{ type: "array", uniqueItems: true }, "uniqueItems"],
  [{ type: "object", patternProperties: {} }, "patternProperties"],
  [{ type: "object", properties: { a: { type: "string", not: {} } } }, "not"],
  [{ anyOf: [{ type: "string" }], type: "string" }, "type"],
])("%j is refused, and says %s", (schema, key) => {
  expect(() => schemaGrammar(schema)).toThrow(`${key} is not supported`);
});

test.each<[unknown, string]>([
  [{ type: "text" }, "generation.wrong-schema"],
  [{ type: "string", pattern: 5 }, "generation.wrong-schema"],
  [{ type: "object", required: ["a"] }, "generation.wrong-schema"],
  [{ $ref: "http://elsewhere/x" }, "generation.wrong-schema"],
  [{ $ref: "#/$defs/none" }, "generation.wrong-schema"],
  [{ type: "string", minLength: 3, maxLength: 2 }, "generation.wrong-schema"],
  [{ type: "integer", minimum: 3, maximum: 2 }, "generation.wrong-schema"],
  [{ type: "integer", minimum: 0.2, maximum: 0.8 }, "generation.wrong-schema"],
  [{ type: "integer", minimum: "3" }, "generation.wrong-schema"],
  [{ type: "array", prefixItems: [true], items: false, minItems: 2 }, "generation.wrong-schema"],
  [{ $ref: "#" }, "generation.circular-schema"],
  [{ anyOf: [{ type: "null" }, { $ref: "#" }] }, "generation.circular-schema"],
  [{ type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }, "generation.endless-schema"],
  [{ enum: ["x".repeat(200_000)] }, "generation.large-schema"],
])("%j is refused", (schema, code) => {
  expect(() => schemaGrammar(schema)).toThrow(expect.objectContaining({ code }));
});
