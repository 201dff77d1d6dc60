import { expect, test } from "vitest";
import * as z from "zod";
import { AttuneError } from "./errors.ts";
import { parseWith } from "./schema_faults.ts";

const names = z.union([z.string(), z.array(z.string())]);
const schema = z.strictObject({
  text: z.string().min(1).optional(),
  long: z.string().min(3).max(5).optional(),
  share: z.number().gt(0).lt(1).optional(),
  count: z.int().min(2).max(9).optional(),
  even: z.number().multipleOf(2).optional(),
  list: z.array(z.number()).min(1).max(2).optional(),
  flag: z.boolean().optional(),
  kind: z.enum(["a", "b"]).optional(),
  only: z.literal(7).optional(),
  record: z.record(z.string().min(1), z.number()).optional(),
  names: names.optional(),
  files: z.union([names, z.array(z.strictObject({ split: z.string(), path: names }))]).optional(),
  own: z.union([z.string(), z.boolean()], { error: "expected a name, or true" }).optional(),
  odd: z
    .number()
    .refine((n) => n % 2 === 1, "it has to be odd")
    .optional(),
});

test.each<[object, string]>([
  [{ text: "" }, `text: expected text that isn't empty, got ""`],
  [{ text: 3 }, "text: expected text, got 3"],
  [{ text: null }, "text: expected text, got null"],
  [{ long: "ab" }, 'long: expected text of at least 3 characters, got "ab"'],
  [{ long: "abcdef" }, 'long: expected text of at most 5 characters, got "abcdef"'],
  [{ share: 0 }, "share: expected a number above 0, got 0"],
  [{ share: 1 }, "share: expected a number below 1, got 1"],
  [{ share: Number.NaN }, "share: expected a finite number, got NaN"],
  [{ share: "0.5" }, 'share: expected a number, got "0.5"'],
  [{ count: 1.5 }, "count: expected a whole number, got 1.5"],
  [{ count: 1 }, "count: expected a number of at least 2, got 1"],
  [{ count: 10 }, "count: expected a number of at most 9, got 10"],
  [{ even: 3 }, "even: expected a multiple of 2, got 3"],
  [{ list: [] }, "list: expected a list of at least 1, got an empty list"],
  [{ list: [1, 2, 3] }, "list: expected a list of at most 2, got a list"],
  [{ list: {} }, "list: expected a list, got an object"],
  [{ list: [1, "x"] }, 'list.1: expected a number, got "x"'],
  [{ flag: "yes" }, 'flag: expected true or false, got "yes"'],
  [{ kind: "c" }, 'kind: expected a or b, got "c"'],
  [{ only: 8 }, "only: expected 7, got 8"],
  [{ record: { "": 1 } }, `record.: expected a key that isn't empty, got ""`],
  [{ record: [] }, "record: expected an object, got an empty list"],
  [{ names: 3 }, "names: expected text or a list, got 3"],
  [{ names: [3] }, "names.0: expected text, got 3"],
  [{ files: 3 }, "files: expected text or a list, got 3"],
  [{ files: [{ split: "a", path: 5 }] }, "files.0.path: expected text or a list, got 5"],
  [{ files: [{ split: "a" }] }, "files.0.path: missing; expected text or a list"],
  [{ own: 3 }, "own: expected a name, or true; got 3"],
  [{ odd: 2 }, "odd: it has to be odd"],
  [{ other: 1 }, "other: unknown key"],
])("%j", (value, line) => {
  const read = () => parseWith(schema, value, { code: "x.y", place: "f.json" });
  expect(read).toThrow(AttuneError);
  expect(read).toThrow(new RegExp(`^f\\.json: ${line.replace(/[.[\]()?*+]/g, "\\$&")}$`));
});

test("several at once, a line each", () => {
  const fault = { code: "x.y", problem: "f.json is wrong:" };
  expect(() => parseWith(schema, { text: 3, flag: 1 }, fault)).toThrow(
    "f.json is wrong:\n  text: expected text, got 3\n  flag: expected true or false, got 1",
  );
});
