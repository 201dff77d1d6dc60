import { expect, test } from "vitest";
import { stopScanner } from "./stop_strings.ts";

function scan(pieces: string[], stops: string[]) {
  const scanner = stopScanner(stops);
  const out: string[] = [];
  for (const piece of pieces) {
    const { text, stopped } = scanner.push(piece);
    out.push(text);
    if (stopped) return { out, stopped };
  }
  return { out: [...out, scanner.flush()], stopped: false };
}

test("text passes at once where no stop string begins", () => {
  expect(scan(["one ", "two"], ["\n\n"])).toEqual({ out: ["one ", "two", ""], stopped: false });
});

test("a stop string split over pieces is met, and nothing of it passes", () => {
  expect(scan(["a#", "#", "#b"], ["###"])).toEqual({ out: ["a", "", ""], stopped: true });
});

test("what only began like a stop string passes in the end", () => {
  expect(scan(["a##", " b#"], ["###"])).toEqual({ out: ["a", "## b", "#"], stopped: false });
});

test("the earliest of several stop strings counts", () => {
  expect(scan(["x END y STOP"], ["STOP", "END"])).toEqual({ out: ["x "], stopped: true });
});

test("a beginning that repeats itself is kept back no longer than needed", () => {
  expect(scan(["aab", "aab", "c"], ["aabc"])).toEqual({ out: ["", "aab", ""], stopped: true });
});

test("without stop strings all passes", () => {
  expect(scan(["a", "b"], [])).toEqual({ out: ["a", "b", ""], stopped: false });
});
