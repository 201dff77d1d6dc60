import { describe, expect, test } from "vitest";
import { AttuneError } from "../../text/errors.ts";
import type { Example, UnusableRow } from "../example.ts";
import type { DataRow } from "../files/data_row.ts";
import { type Format, formatNames } from "./known_formats.ts";
import { examplesOf, type ReadOptions } from "./read_examples.ts";

const file = "a.json";
const origin = { file, row: 1 };

async function* rowsOf(values: unknown[]): AsyncGenerator<DataRow> {
  for (const [i, value] of values.entries()) yield { row: i + 1, value };
}

async function all(rows: AsyncIterable<DataRow>, options?: ReadOptions) {
  const examples: (Example | UnusableRow)[] = [];
  for await (const example of examplesOf(rows, file, options)) examples.push(example);
  return examples;
}

const read = (values: unknown[], options?: ReadOptions) => all(rowsOf(values), options);
const kinds = async (values: unknown[], options?: ReadOptions) =>
  (await read(values, options)).map(({ kind }) => kind);
const reasons = async (values: unknown[], options?: ReadOptions) =>
  (await read(values, options)).map((one) => (one.kind === "unusable" ? one.reason : one.kind));

const alpaca = { instruction: "Add.", input: "1 and 2", output: "3" };
const turns = [
  { role: "user", content: "u" },
  { role: "assistant", content: "a" },
];

describe("the format is told from the rows", () => {
  const samples: [Format, object][] = [
    ["alpaca", alpaca],
    ["alpaca", { ...alpaca, text: "as the hub's Alpaca has it" }],
    ["sharegpt", { conversations: [{ from: "human", value: "u" }] }],
    ["messages", { messages: turns, prompt: "u", id: 7 }],
    ["messages", { messages: JSON.stringify(turns) }],
    ["completion", { prompt: "1 + 1 =", completion: " 2" }],
    ["completion", { prompt: turns.slice(0, 1), completion: turns.slice(1) }],
    ["selfInstruct", { instruction: "i", instances: [{ input: "", output: "o" }] }],
    ["text", { text: "t", label: 3 }],
    ["preference", { prompt: "p", chosen: "c", rejected: "r", messages: turns }],
    ["preference", { instruction: "p", chosen: "c", rejected: "r" }],
    ["feedback", { messages: turns, label: false }],
    ["feedback", { prompt: "p", completion: "c", label: true }],
    ["feedback", { ...alpaca, kto_tag: "true" }],
    ["tokens", { input_ids: [1, 2], text: "t" }],
  ];

  test.each(samples)("%s: %j", async (format, row) => {
    expect(await read([row])).toEqual(await read([row], { format }));
    const [first] = await kinds([row], { format });
    expect(first === "unusable").toBe(format === "sharegpt"); // it has no answer; recognised all the same
  });

  test("every format is among the samples", () => {
    expect(new Set(samples.map(([format]) => format))).toEqual(new Set(formatNames));
  });

  test("rows that are broken, or of no known shape, don't hide it", async () => {
    expect(await kinds([5, { foo: 1 }, { ...alpaca, output: null }, alpaca])).toEqual([
      "unusable",
      "unusable",
      "unusable",
      "conversation",
    ]);
  });

  test("the keys say it when no value looks right", async () => {
    expect(await reasons([{ ...alpaca, output: 3 }])).toEqual(["output: expected text, got 3"]);
    expect(await reasons([{ messages: "hi" }])).toEqual(['messages: expected JSON, got "hi"']);
  });

  test("an unknown format says what there is and what is known", async () => {
    await expect(read([{ foo: 1, bar: 2 }])).rejects.toThrow(
      /^a\.json row 1: unknown format: found the keys foo, bar; expected alpaca \(instruction, output\); sharegpt .*columns/,
    );
    await expect(read(["a"])).rejects.toThrow(/row 1: expected an object, got "a"/);
    await expect(read([{ foo: 1 }], { format: "csv" as Format })).rejects.toThrow(
      /format: expected alpaca, sharegpt, messages, .*got "csv"/,
    );
  });

  test("a row that could be two things has to be told which", async () => {
    const row = { ...alpaca, messages: turns };
    await expect(read([row])).rejects.toThrow(
      /a\.json row 1: the row could be alpaca \(instruction, output\) or messages \(messages\). Name the format/,
    );
    expect(await kinds([row], { format: "messages" })).toEqual(["conversation"]);
  });

  test("rows of several formats are an error; with a format, the others can't be used", async () => {
    const rows = [alpaca, { messages: turns }, alpaca];
    await expect(read(rows)).rejects.toThrow(/several formats: alpaca \(row 1\), messages \(row 2\)/);
    expect(await reasons(rows, { format: "alpaca" })).toEqual([
      "conversation",
      '"instruction" is missing; found the keys messages',
      "conversation",
    ]);
  });

  test("later rows are of the first ones' format, or can't be used", async () => {
    const rows = [...Array.from({ length: 30 }, () => alpaca), { text: "t" }];
    expect((await kinds(rows)).at(-1)).toBe("unusable");
  });
});

describe("a row that can't be used doesn't stop the reading", () => {
  test("it has a place and a reason", async () => {
    const rows = [alpaca, { instruction: "Hi", input: "" }, 5, null, alpaca];
    expect((await read(rows)).slice(1, 4)).toEqual([
      {
        kind: "unusable",
        reason: '"output" is missing; found the keys instruction, input',
        origin: { file, row: 2 },
      },
      { kind: "unusable", reason: "expected an object, got 5", origin: { file, row: 3 } },
      { kind: "unusable", reason: "expected an object, got null", origin: { file, row: 4 } },
    ]);
  });

  test("a broken line is one", async () => {
    async function* rows(): AsyncGenerator<DataRow> {
      yield { row: 1, problem: "invalid JSON at column 1" };
      yield { row: 2, value: alpaca };
    }
    expect(await all(rows())).toMatchObject([
      { reason: "invalid JSON at column 1", origin },
      { kind: "conversation" },
    ]);
  });

  test("what makes the file unreadable does stop it", async () => {
    async function* rows(): AsyncGenerator<DataRow> {
      yield { row: 1, value: alpaca };
      throw new AttuneError({ code: "data.damaged", problem: "damaged" });
    }
    await expect(all(rows())).rejects.toThrow("damaged");
  });

  test("no rows, no examples", async () => expect(await read([])).toEqual([]));
});

describe("keys from the prototype are no keys", () => {
  const row = JSON.parse('{"__proto__": {"instruction": "a", "output": "b", "text": "t"}}');

  test("of a format that is guessed", async () => {
    await expect(read([row])).rejects.toThrow(/unknown format: found the keys __proto__/);
  });

  test("of a format that is named, of a message, of a mapped column", async () => {
    expect(await reasons([row], { format: "alpaca" })).toEqual([
      '"instruction" is missing; found the keys __proto__',
    ]);
    const message = JSON.parse('{"__proto__": {"role": "user", "content": "x"}}');
    expect((await reasons([{ messages: [message] }]))[0]).toMatch(
      /"role" is missing; found the keys __proto__/,
    );
    await expect(read([{ a: "x" }], { format: "text", columns: { text: "constructor" } })).rejects.toThrow(
      /no row has "constructor"/,
    );
    await read([row], { format: "text", columns: { text: "__proto__.text" } }); // an own key of that name is one
    expect(({} as { text?: string }).text).toBeUndefined();
  });
});

test("the file is closed when the reader has had enough, or nothing can be read", async () => {
  let closed = 0;
  async function* rows(value: unknown): AsyncGenerator<DataRow> {
    try {
      for (let row = 1; ; row++) yield { row, value };
    } finally {
      closed++;
    }
  }
  for await (const _ of examplesOf(rows(alpaca), file)) break;
  await expect(all(rows({ foo: 1 }))).rejects.toThrow(/unknown format/);
  expect(closed).toBe(2);
});
