import { expect, test } from "vitest";
import type { Completion } from "../generation/completion.ts";
import { answerPairs, averageScore, examScores, takeExam } from "./exam.ts";

const row = (task: string, input: string, output: string) => ({ instruction: "Do it.", input, output, task });
const rows = [
  row("add", "1", "1"),
  row("copy", "red", "red"),
  row("add", "2", "2"),
  row("add", "4", "4"),
  row("add", "6", "6"),
];

/** Answers what it is asked about, but for `wrong`. */
const model = (wrong: readonly string[] = []) => ({
  chatBatch: async (conversations: readonly (readonly { content: string }[])[]) =>
    conversations.map((messages): Completion => {
      const asked = messages.at(-1)!.content.split("\n\n")[1]!;
      return {
        text: wrong.includes(asked) ? `${asked}.` : ` ${asked}\n`,
        ids: [],
        promptTokens: 0,
        finishReason: "stop",
      };
    }),
});

test("tasks are scored apart and count the same in the average", async () => {
  const told: number[] = [];
  const exam = await takeExam(model(["2", "4"]), rows, { tell: (answered) => told.push(answered) });
  const scores = examScores(exam);
  expect([...scores]).toEqual([
    ["add", 0.5],
    ["copy", 1],
  ]);
  expect(averageScore(scores)).toBe(0.75);
  expect(averageScore(new Map())).toBeNaN();
  expect(told.at(-1)).toBe(rows.length);
});

test("answers of two models side by side, of every second task", async () => {
  const tell = () => {};
  const [before, after] = [
    await takeExam(model(["1"]), rows, { tell }),
    await takeExam(model(), rows, { tell }),
  ];
  expect(answerPairs(before, after, 2)).toEqual([
    { question: "Do it.\n\n1", output: "1", before: "1.", after: " 1\n" },
  ]);
});
