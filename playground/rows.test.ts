import { expect, test } from "vitest";
import { blankRow, canChooseColumns, fieldsOf, questionOf, textOfRow, usedRows } from "./src/rows.ts";
import { advise, recipeOf } from "./src/settings.ts";

const chat = {
  messages: [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello" },
  ],
};

test("what a table shows: columns of plain values, and no row that holds lists or objects", () => {
  expect(fieldsOf([])).toEqual(["instruction", "input", "output"]);
  expect(fieldsOf([{ q: "a" }, { q: "b", a: null }])).toEqual(["q", "a"]);
  expect(fieldsOf([chat])).toBeUndefined();
  expect(blankRow([{ q: "a", a: "b" }])).toEqual({ q: "", a: "" });
  expect([canChooseColumns([{ q: "a", a: "b" }]), canChooseColumns([chat])]).toEqual([true, false]);
});

test("rows that are still empty are left out, and the others keep their places", () => {
  expect(usedRows([{ a: "" }, { a: "x" }, { a: "", b: "" }, { b: "y" }])).toEqual({
    rows: [{ a: "x" }, { b: "y" }],
    places: [1, 3],
  });
});

test("a row's question, of each format", () => {
  expect(questionOf({ instruction: "Add.", input: "1, 2", output: "3" })).toBe("Add.\n\n1, 2");
  expect(questionOf({ prompt: "Why?", completion: "So." })).toBe("Why?");
  expect(questionOf(chat)).toBe("Hi");
  expect(questionOf({ ask: "Who?", reply: "Me" }, "ask")).toBe("Who?");
  expect(questionOf({ text: "a document" })).toBe("");
});

test("rows without columns, as text", () => {
  expect(textOfRow(chat)).toBe("user: Hi\nassistant: Hello");
  expect(textOfRow({ conversations: [{ from: "human", value: "Hi" }] })).toBe("human: Hi");
  expect(JSON.parse(textOfRow({ tokens: [1, 2] }))).toEqual({ tokens: [1, 2] });
});

test("few rows are seen often enough to change something; what the form says comes before what is advised", () => {
  const rows = Array.from({ length: 10 }, () => ({ instruction: "a", output: "b" }));
  const advice = advise({ rows, isDemo: false });
  expect(advice).toMatchObject({ epochs: 16, batchSize: 4, learningRate: 2e-4, heldOut: 0 });
  expect(advise({ rows, isDemo: true }).learningRate).toBeCloseTo(5e-3);
  const recipe = recipeOf({ device: "wasm", epochs: 2, heldOut: 20, r: undefined }, advice, rows);
  expect(recipe).toMatchObject({
    adapter: { r: 8, alpha: 16 },
    training: { epochs: 2, batchSize: 4 },
    evaluation: { fraction: 0.2 },
  });
  expect(recipe).not.toHaveProperty("objective");
});

test("preferences are tuned by DPO, at its rate", () => {
  const rows = [{ prompt: "a", chosen: "b", rejected: "c" }];
  const advice = advise({ rows, isDemo: false });
  expect(advice.learningRate).toBe(1e-5);
  expect(recipeOf({ device: "wasm" }, advice, rows)).toMatchObject({ objective: { type: "dpo" } });
});
