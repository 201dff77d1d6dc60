import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../errors.ts";
import { type Format, formatNames, readExamples } from "./read_examples.ts";

const json = (value: unknown, name = "a.json") => ({ name, text: JSON.stringify(value) });
const lines = (...rows: unknown[]) => ({
  name: "a.jsonl",
  text: rows.map((row) => JSON.stringify(row)).join("\n"),
});
const origin = { file: "a.json", row: 1 };
const row = { instruction: "Add.", input: "1 and 2", output: "3" };

describe("Alpaca", () => {
  test("instruction, a blank line, input; the output is the answer", () => {
    const messages = [
      { role: "user", content: "Add.\n\n1 and 2", input: "1 and 2" },
      { role: "assistant", content: "3" },
    ];
    expect(readExamples(json([row]))).toEqual([{ kind: "conversation", messages, origin }]);
  });

  test.each([{ input: "" }, { input: null }, {}])("no input: %j", (input) => {
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
    ];
    const rows = [{ instruction: "Hi", output: "Hello", ...input }];
    expect(readExamples(json(rows))).toEqual([{ kind: "conversation", messages, origin }]);
  });

  test("system and history", () => {
    const rows = [{ ...row, system: "Be kind.", history: [["a", "b"]] }];
    const [example] = readExamples(json(rows));
    expect(
      example?.kind === "conversation" && example.messages.map(({ role, content }) => [role, content]),
    ).toEqual([
      ["system", "Be kind."],
      ["user", "a"],
      ["assistant", "b"],
      ["user", "Add.\n\n1 and 2"],
      ["assistant", "3"],
    ]);
  });
});

describe("other formats", () => {
  test("messages, as JSONL; a row is a line, empty lines are skipped", () => {
    const messages = [
      { role: "system", content: "s" },
      { role: "user", content: "u" },
      { role: "assistant", content: "a" },
    ];
    const text = `\ufeff${JSON.stringify({ messages })}\r\n\r\n${JSON.stringify({ messages, id: 7 })}\n`;
    expect(readExamples({ name: "a.jsonl", text })).toEqual(
      [1, 3].map((row) => ({ kind: "conversation", messages, origin: { file: "a.jsonl", row } })),
    );
  });

  test("prompt and completion", () => {
    const rows = [{ prompt: "1 + 1 =", completion: " 2" }];
    expect(readExamples(json(rows))).toEqual([{ kind: "completion", ...rows[0], origin }]);
  });

  test("text rows are a document each, a plain text file is one document", () => {
    expect(
      readExamples(json([{ text: "one" }, { text: "two" }])).map((one) => one.kind === "text" && one.text),
    ).toEqual(["one", "two"]);
    const file = { name: "a.txt", text: "[one]\n\ntwo\n" };
    expect(readExamples(file)).toEqual([
      { kind: "text", text: file.text, origin: { file: "a.txt", row: 1 } },
    ]);
    expect(readExamples(file, "text")).toHaveLength(1);
  });

  test("a file of another ending holds rows if it begins like JSON", () => {
    expect(readExamples({ name: "-", text: ` [{"text": "one"}]` })[0]).toMatchObject({ text: "one" });
    expect(readExamples({ name: "-", text: "one" })[0]).toMatchObject({ text: "one" });
  });

  test("the hub's Alpaca has a text column too: the format can be named", () => {
    const rows = [{ ...row, text: "whole" }];
    expect(readExamples(json(rows))[0]!.kind).toBe("conversation");
    expect(readExamples(json(rows), "text")[0]).toMatchObject({ kind: "text", text: "whole" });
  });
});

describe("bad input names the place", () => {
  const rowsFile = (rows: unknown[]) => json(rows);
  test.each<[string, { name: string; text: string }, Format | undefined, RegExp]>([
    [
      "JSONL",
      { name: "a.jsonl", text: '{"text": "a"}\n{"text": "b",}' },
      undefined,
      /^a\.jsonl row 2: invalid JSON at column 14, before "}"/,
    ],
    [
      "JSON",
      { name: "a.json", text: '[{"text": "a"},\n {"text": b}]' },
      undefined,
      /^a\.json row 2: invalid JSON at line 2, column 11, before "b}]"/,
    ],
    [
      "a cut file",
      { name: "a.json", text: '[{"text": "a"}, {"text": "b' },
      undefined,
      /row 2: .*column 26|ends too early/,
    ],
    [
      "a JSONL line that is cut",
      { name: "a.jsonl", text: '{"text": "a"' },
      undefined,
      /row 1: .*the text ends too early/,
    ],
    [
      "one object over lines",
      { name: "a.json", text: '{\n"data": []\n}' },
      undefined,
      /^a\.json: expected a list of rows.*single object/,
    ],
    ["an empty list", json([]), undefined, /^a\.json: the dataset is empty/],
    ["an empty JSONL", { name: "a.jsonl", text: " \n\n" }, undefined, /the dataset is empty/],
    ["an empty text", { name: "a.txt", text: "\n" }, undefined, /the dataset is empty/],
    ["rows that are no objects", rowsFile([5]), "alpaca", /^a\.json row 1: expected an object, got number 5/],
    [
      "an unknown format",
      rowsFile([{ foo: 1, bar: 2 }]),
      undefined,
      /row 1: unknown format: found the keys foo, bar; known formats are alpaca \(instruction, output\), messages/,
    ],
    ["no object to guess from", rowsFile(["a"]), undefined, /unknown format: found string "a"/],
    [
      "a format of that name",
      rowsFile([row]),
      "csv" as Format,
      /"csv" is unknown; known are alpaca, messages, completion, text/,
    ],
    [
      "no answer",
      lines(row, { instruction: "Hi", input: "" }),
      undefined,
      /^a\.jsonl row 2: "output" is missing; found the keys instruction, input/,
    ],
    ["a null answer", rowsFile([row, { ...row, output: null }]), undefined, /row 2: "output" is missing/],
    [
      "a number for text",
      rowsFile([{ ...row, output: 3 }]),
      undefined,
      /row 1: "output" should be text, got number 3/,
    ],
    ["a list for text", rowsFile([{ ...row, input: [] }]), undefined, /"input" should be text, got a list/],
    ["a broken history", rowsFile([{ ...row, history: [["a"]] }]), undefined, /"history" should be/],
    [
      "messages that are none",
      rowsFile([{ messages: "hi" }]),
      undefined,
      /"messages" should be a list.*got string "hi"/,
    ],
    ["no messages", rowsFile([{ messages: [] }]), undefined, /"messages" should be a list/],
    [
      "a message that is none",
      rowsFile([{ messages: ["hi"] }]),
      undefined,
      /message 1 should be \{role, content\}/,
    ],
    [
      "an unknown role",
      rowsFile([{ messages: [{ role: "bot", content: "" }] }]),
      undefined,
      /message 1 has the role "bot"; known are system, user, assistant, tool/,
    ],
    [
      "content that is no text",
      rowsFile([{ messages: [{ role: "user", content: [] }] }]),
      undefined,
      /"content" should be text, got a list/,
    ],
    [
      "no message from the assistant",
      rowsFile([{ messages: [{ role: "user", content: "hi" }] }]),
      undefined,
      /row 1: there is no answer.*found user/,
    ],
    [
      "tools",
      rowsFile([{ messages: [{ role: "assistant", content: "" }], tools: [{}] }]),
      undefined,
      /the key "tools" changes/,
    ],
    [
      "tool calls",
      rowsFile([{ messages: [{ role: "assistant", content: "", tool_calls: [{}] }] }]),
      undefined,
      /"tool_calls" changes/,
    ],
    ["preferences", rowsFile([{ prompt: "a", completion: "b", label: false }]), undefined, /"label" changes/],
    [
      "keys from the prototype",
      { name: "a.json", text: '[{"__proto__": {"instruction": "a", "output": "b"}}]' },
      "alpaca",
      /"instruction" is missing; found the keys __proto__/,
    ],
    [
      "keys from the prototype, unguessed",
      { name: "a.json", text: '[{"__proto__": {"text": "a"}}]' },
      undefined,
      /unknown format/,
    ],
  ])("%s", (_, file, format, message) => {
    expect(() => readExamples(file, format)).toThrow(AttuneError);
    expect(() => readExamples(file, format)).toThrow(message);
  });

  test("formatNames lists every format", () => {
    expect(formatNames).toEqual(["alpaca", "messages", "completion", "text"]);
  });
});

describe("the field's own files", () => {
  const shared = new URL("../../../shared/data/", import.meta.url);
  const read = (name: string, format?: Format) =>
    readExamples({ name, text: readFileSync(new URL(name, shared), "utf8") }, format);

  test.skipIf(!existsSync(shared)).each([
    ["alpaca_en_demo.json", 999, "conversation"],
    ["alpaca_zh_demo.json", 1000, "conversation"],
    ["c4_demo.jsonl", 300, "text"],
    ["wiki_demo.txt", 1, "text"],
  ] as const)("%s: %i %s examples", (name, count, kind) => {
    const examples = read(name);
    expect(examples).toHaveLength(count);
    expect(examples.every((example) => example.kind === kind)).toBe(true);
  });

  test.skipIf(!existsSync(shared)).each([
    ["glaive_toolcall_en_demo.json", /unknown format: found the keys conversations, tools/],
    ["dpo_en_demo.json", /unknown format/],
    ["kto_en_demo.json", /"label" changes/],
    ["seed_tasks.jsonl", /unknown format/],
  ])("%s is refused, not misread", (name, message) => {
    expect(() => read(name)).toThrow(message);
  });
});
