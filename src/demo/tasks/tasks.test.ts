import { describe, expect, test } from "vitest";
import { randomAt } from "../random.ts";
import { drawProblem, fill, type Problem } from "../task.ts";
import { TASKS } from "./index.ts";

const task = (name: string) => TASKS.find((each) => each.name === name)!;
const solve = (name: string, material: unknown, address = 0): Problem =>
  task(name).solve(material, randomAt(address));

test.each([
  ["copy", ["red", "cow"], "red cow", "red cow"],
  ["upper case", ["red", "cow"], "red cow", "RED COW"],
  ["first word", ["red", "cow"], "red cow", "red"],
  ["last word", ["red", "cow"], "red cow", "cow"],
  ["n-th word", ["red", "cow"], "red cow", "cow"],
  ["reverse words", ["red", "cow", "sad"], "red cow sad", "sad cow red"],
  ["count words", ["red", "cow", "sad"], "red cow sad", "3"],
  ["count repeats", ["red", "red", "red"], "red red red", "3"],
  ["sort words", { kind: "animals", things: ["fox", "cow"] }, "fox, cow", "cow, fox"],
  ["category", { kind: "animals", things: ["fox", "cow"] }, "fox, cow", "animals"],
  ["plurals", { kind: "animals", things: ["fox", "cow"] }, "fox, cow", "foxes, cows"],
  ["odd one out", { words: ["cow", "axe", "fox", "dog"], stranger: "axe" }, "cow, axe, fox, dog", "axe"],
  [
    "opposites",
    [
      ["hot", "cold"],
      ["small", "big"],
    ],
    "hot, small",
    "cold, big",
  ],
  ["sort numbers", [9, 80, 10], "9 80 10", "9 10 80"],
  ["largest number", [9, 80, 10], "9 80 10", "80"],
  ["add", [17, 5], "17 + 5", "22"],
  ["subtract", [17, 5], "17 - 5", "12"],
  ["English to Chinese", 305, "three hundred and five", "三百零五"],
  ["Chinese to English", 305, "三百零五", "three hundred and five"],
])("%s", (name, material, input, output) => {
  expect(solve(name, material)).toMatchObject({ input, output });
});

test("n-th word answers the place it asks for", () => {
  const words = ["one", "second", "third", "fourth", "five"];
  for (let i = 0; i < 30; i++) {
    const { ordinal, output } = solve("n-th word", words, i);
    expect(output).toBe(ordinal);
  }
});

test("count repeats counts the word it asks for", () => {
  for (let i = 0; i < 20; i++) {
    const { target, output } = solve("count repeats", ["red", "blue", "red", "red"], i);
    expect(output).toBe(target === "red" ? "3" : "1");
  }
});

test("yes or no says yes exactly when the record has the value, and both happen", () => {
  const card = { name: "Mia", pet: "cat", city: "Rome", colour: "red" };
  const seen = new Set<string>();
  for (let i = 0; i < 60; i++) {
    const { input, field, value, output } = solve("yes or no", card, i);
    expect(output).toBe(input.includes(`${field}: ${value}`) ? "yes" : "no");
    seen.add(`${field} ${output}`);
  }
  expect(seen.size).toBe(6);
});

test("extract answers with the fact it asks for", () => {
  const facts = { name: "Mia", city: "Rome", day: "Monday", things: "cows", number: "12" };
  for (let i = 0; i < 30; i++) {
    const { field, output } = solve("extract", { text: "…", facts }, i);
    expect(output).toBe(facts[field as keyof typeof facts]);
  }
});

describe.each(TASKS.map((each) => [each.name, each] as const))("%s", (_, each) => {
  test("has at least four phrasings and an unseen one, all different", () => {
    const phrasings = [...each.phrasings, ...each.unseenPhrasings];
    expect(each.phrasings.length).toBeGreaterThanOrEqual(4);
    expect(each.unseenPhrasings.length).toBeGreaterThanOrEqual(1);
    expect(new Set(phrasings).size).toBe(phrasings.length);
  });

  test("fills all its templates, in the train and the held-out split", () => {
    const templates = [...each.phrasings, ...each.unseenPhrasings, ...each.titles, ...each.sentences];
    for (const split of ["train", "heldOut"] as const)
      for (const template of templates) {
        const problem = drawProblem(split, each, randomAt(template));
        expect(fill(template, { ...problem, person: "Mia" })).not.toMatch(/[{}]|undefined/);
        expect(problem.output).not.toBe("");
      }
  });

  test("its phrasings and sentences say all that the answer depends on", () => {
    const problem = drawProblem("train", each, randomAt(1));
    const { input, output, field, question, ordinal, target, value, ...rest } = problem;
    for (const phrasing of [...each.phrasings, ...each.unseenPhrasings]) {
      const text = fill(phrasing, problem);
      const operands = Object.values(rest).length > 0 ? Object.values(rest) : [input];
      if (!text.includes(input)) for (const operand of operands) expect(text).toContain(operand);
      for (const asked of [ordinal, target, value]) if (asked) expect(text).toContain(asked);
      if (field) expect(text.includes(field) || text.includes(question ?? field)).toBe(true);
    }
    for (const sentence of each.sentences)
      expect(fill(sentence, { ...problem, person: "Mia" })).toContain(output);
  });
});
