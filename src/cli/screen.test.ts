import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openScreen } from "./screen.ts";

function stream(properties: { isTTY: boolean; columns?: number }) {
  let text = "";
  const write = (part: string) => {
    text += part;
    return true;
  };
  return { stream: { ...properties, write } as NodeJS.WriteStream, text: () => text };
}

/** What a terminal of one line's height would have scrolled by, and what it shows last. */
function seen(text: string): string[] {
  return text.split("\n").map((line) => line.slice(line.lastIndexOf("\r\x1b[K") + 4));
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv("TERM", "xterm");
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

describe("a terminal", () => {
  test("keeps the live line below what is printed, and asks for it again and again", () => {
    const { stream: terminal, text } = stream({ isTTY: true, columns: 40 });
    const screen = openScreen(terminal);
    let step = 1;
    screen.show(() => `step ${step}`);
    screen.print("saved");
    step = 2;
    vi.advanceTimersByTime(1000);
    expect(seen(text())).toEqual(["saved", "step 2"]);
    screen.clear();
    expect(seen(text())).toEqual(["saved", ""]);
  });

  test("writes nothing while nothing changes", () => {
    const { stream: terminal, text } = stream({ isTTY: true, columns: 40 });
    openScreen(terminal).show(() => "waiting");
    const before = text();
    vi.advanceTimersByTime(1000);
    expect(text()).toBe(before);
  });

  test("cuts the live line to its width", () => {
    const { stream: terminal, text } = stream({ isTTY: true, columns: 10 });
    openScreen(terminal).show(() => "a line that is too long");
    expect(seen(text())).toEqual(["a line th"]);
  });
});

test.each([
  ["a pipe", { isTTY: false }, "xterm"],
  ["a dumb terminal", { isTTY: true, columns: 40 }, "dumb"],
])("%s gets plain lines only", (_, properties, term) => {
  vi.stubEnv("TERM", term);
  const { stream: log, text } = stream(properties);
  const screen = openScreen(log);
  screen.show(() => "step 1");
  screen.print("saved");
  vi.advanceTimersByTime(1000);
  screen.clear();
  expect(screen.live).toBe(false);
  expect(text()).toBe("saved\n");
});
