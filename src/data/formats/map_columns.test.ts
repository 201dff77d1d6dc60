import { describe, expect, test } from "vitest";
import type { DataRow } from "../files/data_row.ts";
import type { Columns } from "./map_columns.ts";
import { examplesOf } from "./read_examples.ts";

async function* rowsOf(values: object[]): AsyncGenerator<DataRow> {
  for (const [i, value] of values.entries()) yield { row: i + 1, value };
}

async function read(values: object[], columns: Columns) {
  const examples = [];
  for await (const example of examplesOf(rowsOf(values), "a.csv", { columns })) examples.push(example);
  return examples;
}

const textOf = async (row: object, columns: Columns) => {
  const [example] = await read([row], columns);
  return example?.kind === "conversation" && example.messages.map(({ content }) => content);
};

describe("columns", () => {
  test("our key, their column", async () => {
    const row = { question: "q", context: "c", answer: "a", id: 1 };
    const columns = { instruction: "question", input: "context", output: "answer" };
    expect(await textOf(row, columns)).toEqual(["q\n\nc", "a"]);
  });

  test("a path leads into nested values; a column of that very name comes first", async () => {
    const columns = { instruction: "a.b", output: "answers.text.0" };
    expect(await textOf({ a: { b: "q" }, answers: { text: ["yes", "no"] } }, columns)).toEqual(["q", "yes"]);
    expect(await textOf({ "a.b": "whole", a: { b: "q" }, answers: { text: ["yes"] } }, columns)).toEqual([
      "whole",
      "yes",
    ]);
  });

  test("names can be swapped", async () => {
    const columns = { instruction: "output", output: "instruction" };
    expect(await textOf({ instruction: "i", output: "o" }, columns)).toEqual(["o", "i"]);
  });

  test("a column that was mapped is no longer there under its own name", async () => {
    const columns = { prompt: "text", completion: "label" };
    expect(await read([{ text: "t", label: "1" }], columns)).toMatchObject([
      { kind: "completion", prompt: "t", completion: "1" },
    ]);
  });

  test("one that some rows lack is missing there only", async () => {
    const columns = { instruction: "q", output: "a" };
    expect(await read([{ q: "q", a: "a" }, { q: "q" }], columns)).toMatchObject([
      { kind: "conversation" },
      { kind: "unusable", reason: '"output" is missing; found the keys instruction' },
    ]);
  });

  test("one that no row has is an error that lists what there is", async () => {
    const message = /^a\.csv: columns: no row has "reply"; there are q, a$/;
    await expect(read([{ q: "q", a: "a" }], { instruction: "q", output: "reply" })).rejects.toThrow(message);
    const optional = { instruction: "q", output: "a", input: "reply" };
    await expect(read([{ q: "q", a: "a" }], optional)).rejects.toThrow(message);
  });

  test("one that comes late is found", async () => {
    const rows = [...Array.from({ length: 50 }, () => ({ q: "q", a: "a" })), { q: "q", a: "a", c: "c" }];
    expect(await read(rows, { instruction: "q", output: "a", input: "c" })).toHaveLength(51);
  });
});
