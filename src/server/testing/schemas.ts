/** Schemas that use all that is offered; the model that answers knows nothing of them. */

import { STRING_FORMATS } from "../../generation/constraint/string_formats.ts";

const FORMATS = Object.keys(STRING_FORMATS);
const object = (properties: Record<string, object>, required = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const list = (items: object, more: object = {}) => ({ type: "array", items, ...more });
const [text, whole, real, flag, none] = ["string", "integer", "number", "boolean", "null"].map((type) => ({
  type,
})) as [object, object, object, object, object];
const colour = { enum: ["red", "green", "blue"] };
const short = { type: "string", maxLength: 8 };

export const SCHEMAS: readonly object[] = [
  ...[text, whole, real, flag, none, colour, short],
  ...[
    { const: "fixed" },
    { const: { a: [1, null] } },
    { enum: [1, "1", null, true] },
    { type: ["integer", "null"] },
  ],
  ...[{ type: "string", minLength: 5 }, { type: "string", minLength: 3, maxLength: 3 }, {}],
  ...[text, whole, real, flag, none, colour].map((item) => list(item)),
  ...[list(whole, { minItems: 3 }), list(text, { maxItems: 2 }), list(flag, { minItems: 2, maxItems: 2 })],
  ...[list(list(whole)), list(object({ a: whole })), list({ anyOf: [text, whole] }), { type: "array" }],
  ...[text, whole, real, flag, none, colour].map((value) => object({ value })),
  object({}),
  object({ a: text, b: whole, c: flag }),
  object({ a: text, b: whole }, ["b"]),
  object({ a: text, b: whole, c: real }, []),
  object({ name: short, age: whole, tags: list(short, { maxItems: 3 }) }),
  object({ outer: object({ inner: object({ deep: flag }) }) }),
  object({ either: { anyOf: [object({ a: whole }), object({ b: text })] } }),
  object({ 'key with "quotes"': whole, ключ: flag }),
  { type: "object" },
  { type: "object", additionalProperties: whole },
  { anyOf: [text, list(text)] },
  { anyOf: [object({ kind: { const: "a" }, x: whole }), object({ kind: { const: "b" }, y: text })] },
  { $defs: { c: colour }, ...object({ one: { $ref: "#/$defs/c" }, two: { $ref: "#/$defs/c" } }) },
  { $defs: { n: object({ v: whole, next: { anyOf: [none, { $ref: "#/$defs/n" }] } }) }, $ref: "#/$defs/n" },
  object({ children: list({ $ref: "#" }) }),
  object({ sentiment: { enum: ["good", "bad"] }, confidence: real }),
  object({ steps: list(object({ explanation: text, output: text })), answer: text }),
  {
    definitions: { p: object({ x: real, y: real }) },
    ...object({ from: { $ref: "#/definitions/p" }, to: { $ref: "#/definitions/p" } }),
  },
  ...[
    { type: "integer", minimum: 0, maximum: 120 },
    { type: "integer", exclusiveMinimum: -5, exclusiveMaximum: 5 },
    { type: "integer", minimum: -1000, maximum: -990 },
    { type: "number", minimum: 0, maximum: 1 },
    { type: "number", exclusiveMinimum: -1, exclusiveMaximum: 1 },
    { type: "number", exclusiveMinimum: 0 },
    { type: ["integer", "string"], maximum: 9, maxLength: 3 },
    object({ age: { type: "integer", minimum: 0 }, share: { type: "number", minimum: 0, maximum: 100 } }),
  ],
  ...FORMATS.map((format) => ({ type: "string", format })),
  { type: "string", pattern: "^[A-Z]{2}-\\d{3,5}$" },
  object({ id: { type: "string", format: "uuid" }, on: { type: "string", format: "date" } }),
  ...[
    { type: "array", prefixItems: [whole, flag], items: false },
    { type: "array", prefixItems: [text, real], items: whole, maxItems: 4 },
    { type: "array", prefixItems: [colour], items: flag, minItems: 3, maxItems: 3 },
    list(object({ at: { type: "array", prefixItems: [real, real], items: false } }), { maxItems: 2 }),
    { type: "array", items: false },
  ],
  ...[
    { oneOf: [whole, short] },
    { oneOf: [object({ kind: { const: "a" }, x: whole }), object({ kind: { enum: ["b", "c"] }, y: flag })] },
    { oneOf: [none, { type: "array", items: whole, maxItems: 3 }] },
    { allOf: [object({ a: whole })] },
    {
      $defs: { a: object({ t: { const: 1 } }) },
      oneOf: [{ $ref: "#/$defs/a" }, object({ t: { const: 2 } })],
    },
  ],
  {
    title: "Note",
    description: "Says nothing.",
    $comment: "Nor this.",
    ...object({ a: { ...flag, default: true } }),
  },
  { type: "object", properties: { never: false, a: whole }, required: ["a"] },
  { type: "object", properties: { a: whole }, required: ["a"] },
];
