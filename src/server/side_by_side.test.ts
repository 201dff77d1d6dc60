import { expect, test } from "vitest";
import { sideBySide } from "./side_by_side.ts";

const never = new AbortController().signal;

test("answers begin together and come in their order", async () => {
  const begun: string[] = [];
  const answers = sideBySide(["a", "b"], never, async (one) => {
    begun.push(one);
    return one.toUpperCase();
  });
  expect(begun).toEqual(["a", "b"]);
  expect(await answers).toEqual(["A", "B"]);
});

test("one that fails stops the others, and waits for them", async () => {
  const ended: string[] = [];
  const asked = sideBySide(["slow", "bad"], never, async (one, _, signal) => {
    if (one === "bad") throw new Error("too bad");
    await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
    ended.push(one);
    signal.throwIfAborted();
  });
  await expect(asked).rejects.toThrow("too bad");
  expect(ended).toEqual(["slow"]);
});

test("who asked can stop them all", async () => {
  const gone = new AbortController();
  const asked = sideBySide([1, 2], gone.signal, async (_, __, signal) => {
    await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
    signal.throwIfAborted();
  });
  gone.abort(new Error("gone"));
  await expect(asked).rejects.toThrow("gone");
});
