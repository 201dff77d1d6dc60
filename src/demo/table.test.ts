import { expect, test } from "vitest";
import { answerTable, scoreTable } from "./table.ts";

test("the table has a line per task and the mean below", () => {
  const before = new Map([
    ["copy", 0],
    ["English to Chinese", 0.1],
  ]);
  const after = new Map([
    ["copy", 1],
    ["English to Chinese", 0.5],
  ]);
  expect(
    scoreTable([
      { head: "base", scores: before },
      { head: "tuned", scores: after },
    ]),
  ).toBe(
    [
      "exact match         base  tuned",
      "───────────────────────────────",
      "copy                  0%   100%",
      "English to Chinese   10%    50%",
      "───────────────────────────────",
      "average               5%    75%",
    ].join("\n"),
  );
});

test("a task that a column lacks is a dash", () => {
  const columns = [
    { head: "a", scores: new Map([["copy", 1]]) },
    { head: "b", scores: new Map<string, number>() },
  ];
  expect(scoreTable(columns)).toContain("copy         100%  –");
});

test("answers stand side by side, also wide ones, cut to the column", () => {
  const table = answerTable(
    [
      { question: "Say two in Chinese.", output: "二", before: "二百二十二百二十二", after: "二" },
      { question: "Repeat.\n\nred cow", output: "red cow", before: "a\nb", after: " red cow" },
    ],
    12,
  );
  expect(table).toBe(
    ["Say two in Chinese.", "  ✗ 二百二十…   ✓ 二", "Repeat. red cow", "  ✗ a b         ✓ red cow"].join(
      "\n",
    ),
  );
});
