import { describe, expect, test } from "vitest";
import type { Message } from "../templates/message.ts";
import { type Ask, createTalker } from "./talker.ts";

/** Says how many messages it got, and waits to be interrupted when it is asked to. */
const counting: Ask = async (messages, { onText, signal }) => {
  onText(`${messages.length} messages`);
  if (messages.at(-1)!.content === "wait")
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
};

function talker(options: { remembers: boolean; opening?: Message[] }) {
  let text = "";
  const write = (part: string) => {
    text += part;
  };
  return { ...createTalker({ ask: counting, opening: [], write, ...options }), text: () => text };
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

  test("a fault goes through", async () => {
    const ask: Ask = async () => {
      throw new Error("broken");
    };
    await expect(createTalker({ ask, opening: [], remembers: true, write() {} }).answer("x")).rejects.toThrow(
      "broken",
    );
  });
});
