import { describe, expect, test } from "vitest";
import type { Message } from "../templates/message.ts";
import { fitConversation } from "./fit_conversation.ts";

/** A token for each letter of the contents. */
const promptOf = (messages: readonly Message[]) =>
  [...messages.map(({ content }) => content).join("")].map((letter) => letter.charCodeAt(0));
const textOf = (prompt: readonly number[]) => String.fromCharCode(...prompt);

const system: Message = { role: "system", content: "SS" };
const turn = (question: string, answer: string): Message[] => [
  { role: "user", content: question },
  { role: "assistant", content: answer },
];
const conversation = [system, ...turn("aa", "AA"), ...turn("bb", "BB"), ...turn("cc", "CC")];
const last: Message = { role: "user", content: "dd" };

function fitted(messages: readonly Message[], context: number, answer = 1) {
  const { prompt, dropped } = fitConversation(messages, promptOf, { context, answer });
  return [textOf(prompt), dropped];
}

describe("the oldest turns are left out, as few as it takes, and never the system message", () => {
  test.each([
    [17, "SSaaAAbbBBccCCdd", 0],
    [16, "SSbbBBccCCdd", 2],
    [13, "SSbbBBccCCdd", 2],
    [12, "SSccCCdd", 4],
    [9, "SSccCCdd", 4],
    [8, "SSdd", 6],
    [3, "SSdd", 6], // too long all the same: whoever reads it says so
  ])("in %d tokens", (context, text, dropped) => {
    expect(fitted([...conversation, last], context)).toEqual([text, dropped]);
  });
});

test("room is left for the answer", () => {
  expect(fitted([...conversation, last], 17, 2)).toEqual(["SSbbBBccCCdd", 2]);
});

test("a turn goes with the calls and results in it", () => {
  const called: Message[] = [
    { role: "user", content: "aaaa" },
    { role: "assistant", content: "", toolCalls: [{ name: "f", arguments: {} }] },
    { role: "tool", content: "RRRR" },
    { role: "assistant", content: "AA" },
    last,
  ];
  expect(fitted(called, 10)).toEqual(["dd", 4]);
  expect(fitted(called.slice(0, 3), 5)).toEqual(["aaaaRRRR", 0]); // the last turn itself
});

test("where all fits, or there is no limit, nothing is left out", () => {
  expect(fitted([last], Number.POSITIVE_INFINITY)).toEqual(["dd", 0]);
  expect(fitted([], 4)).toEqual(["", 0]);
});

test("of many turns few are tried", () => {
  let tried = 0;
  const long = Array.from({ length: 500 }, () => turn("aa", "AA")).flat();
  const counting = (messages: readonly Message[]) => {
    tried++;
    return promptOf(messages);
  };
  const { dropped } = fitConversation([...long, last], counting, { context: 403, answer: 1 });
  expect(dropped).toBe(800);
  expect(tried).toBeLessThan(13);
});
