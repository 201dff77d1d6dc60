import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { smoother } from "../math/smooth.ts";
import { readLosses, readTokens } from "./losses.ts";

const at = temporaryDirectory();

test("losses of steps and of evaluations", () => {
  writeFileSync(at("metrics.jsonl"), '{"step":1,"loss":3}\n{"step":2,"loss":2}\n{"step":2,"evalLoss":2.5}\n');
  expect(readLosses(at("metrics.jsonl"))).toEqual({
    training: [
      { step: 1, loss: 3 },
      { step: 2, loss: 2 },
    ],
    evaluation: [{ step: 2, loss: 2.5 }],
  });
  expect(readLosses(at("none.jsonl"))).toEqual({ training: [], evaluation: [] });
});

test("a last line that a kill cut short is none", () => {
  writeFileSync(at("metrics.jsonl"), '{"step":1,"loss":3}\n{"step":2,"lo');
  expect(readLosses(at("metrics.jsonl")).training).toEqual([{ step: 1, loss: 3 }]);
});

test("tokens of steps, and those that were computed", () => {
  writeFileSync(
    at("tokens.jsonl"),
    '{"step":1,"loss":3,"tokens":10,"computedTokens":8}\n{"step":1,"evalLoss":2}\n{"step":2,"loss":2,"tokens":5,"computedTokens":5}\n',
  );
  expect(readTokens(at("tokens.jsonl"))).toEqual({ tokens: 15, computedTokens: 13 });
});

test("a running mean starts at the first value and forgets", () => {
  const smooth = smoother(0.5);
  expect(smooth(4)).toBe(4);
  expect(smooth(1)).toBeCloseTo((0.5 * 4 + 1) / 1.5); // weights 1/3 and 2/3
  for (let i = 0; i < 50; i++) smooth(1);
  expect(smooth(1)).toBeCloseTo(1);
});
