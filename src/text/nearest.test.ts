import { expect, test } from "vitest";
import { nearest } from "./nearest.ts";

test.each([
  ["qproj", "q_proj"],
  ["down", "down_proj"],
  ["v_poj", "v_proj"],
])("%s is nearest to %s", (word, expected) => {
  expect(nearest(word, ["k_proj", "q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"])).toBe(expected);
});

test("of nothing, nothing", () => expect(nearest("x", [])).toBeUndefined());
