import { describe, expect, test } from "vitest";
import type { Message } from "../templates/message.ts";
import { type Ask, createTalker } from "./talker.ts";

/** Says how many messages it got, and waits to be interrupted when it is asked to. Has room for five of them. */
const counting: Ask = async (messages, { onText, onDroppedTurns, signal }) => {
  if (messages.length > 5) onDroppedTurns(2);
  onText(`${messages.length} messages`);
  if (messages.at(-1)!.content === "wait")
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
};

function talker(options: { remembers: boolean; opening?: Message[] }) {
  let text = "";
  const write = (part: string) => {
    text += part;
  };
  const onForgetting = () => write("forgetting\n");
  return {
    ...createTalker({ ask: counting, opening: [], write, onForgetting, ...options }),
    text: () => text,
  };
}

describe("a talker", () => {
  test("asks along what was said, until it is reset", async () => {
    const { answer, reset, text } = talker({
      remembers: true,
      opening: [{ role: "system", content: "Be brief." }],
    });
    await answer("one");
    await answer("two");
    reset();
    await answer("three");
    expect(text()).toBe("2 messages\n4 messages\n2 messages\n");
  });

  test("asks each alone when it does not remember", async () => {
    const { answer, text } = talker({ remembers: false });
    await answer("one");
    await answer("two");
    expect(text()).toBe("1 messages\n1 messages\n");
  });

  test("an interrupted answer ends its line, and the conversation goes on with it", async () => {
    const { answer, interrupt, text } = talker({ remembers: true });
    expect(interrupt()).toBe(false);
    const answered = answer("wait");
    expect(interrupt()).toBe(true);
    await answered;
    await answer("next");
    expect(text()).toBe("1 messages\n3 messages\n");
  });

  test("what was left out is forgotten, and told once in a conversation", async () => {
    const { answer, reset, text } = talker({
      remembers: true,
      opening: [{ role: "system", content: "Be brief." }],
    });
    for (const content of ["one", "two", "three", "four"]) await answer(content);
    expect(text()).toBe("2 messages\n4 messages\nforgetting\n6 messages\n6 messages\n");
    reset();
    for (const content of ["one", "two", "three"]) await answer(content);
    expect(text().endsWith("\n2 messages\n4 messages\nforgetting\n6 messages\n")).toBe(true);
  });

  test("a fault goes through; what was said before it stands on its own line, and is not remembered", async () => {
    let text = "";
    const ask: Ask = async (messages, { onText }) => {
      if (messages.length > 1) return onText(`${messages.length} messages`);
      if (messages[0]!.content === "late") onText("half");
      throw new Error("broken");
    };
    const write = (part: string) => {
      text += part;
    };
    const { answer } = createTalker({ ask, opening: [], remembers: true, write, onForgetting() {} });
    await expect(answer("x")).rejects.toThrow("broken");
    expect(text).toBe("");
    await expect(answer("late")).rejects.toThrow("broken");
    expect(text).toBe("half\n");
  });
});
