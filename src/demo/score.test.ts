import { expect, test } from "vitest";
import { averageScore, isRight, scoreTasks } from "./score.ts";

const answered = (task: string, output: string, answer: string) => ({ task, output, answer });

test("an answer is right when it equals the wanted one, white space around it aside", () => {
  expect(isRight(answered("add", "12", " 12\n"))).toBe(true);
  expect(isRight(answered("add", "12", "12."))).toBe(false);
  expect(isRight(answered("copy", "red cow", "red  cow"))).toBe(false);
  expect(isRight(answered("add", "12", ""))).toBe(false);
});

test("tasks are scored apart and count the same in the average", () => {
  const scores = scoreTasks([
    answered("add", "1", "1"),
    answered("copy", "red", "red"),
    answered("add", "2", "3"),
    answered("add", "4", "5"),
    answered("add", "6", "6"),
  ]);
  expect([...scores]).toEqual([
    ["add", 0.5],
    ["copy", 1],
  ]);
  expect(averageScore(scores)).toBe(0.75);
  expect(averageScore(new Map())).toBeNaN();
});
