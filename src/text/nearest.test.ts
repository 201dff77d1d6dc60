import { expect, test } from "vitest";
import { nearest } from "./nearest.ts";

const modules = ["k_proj", "q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"];
const keys = ["r", "a", "epochs", "maxSteps", "learningRate", "stage", "shuffle", "evaluateEvery", "type"];

test.each([
  ["qproj", "q_proj"],
  ["down", "down_proj"],
  ["v_poj", "v_proj"],
])("%s is nearest to %s", (word, expected) => expect(nearest(word, modules)).toBe(expected));

test.each([
  ["epoch", "epochs"],
  ["LEARNINGRATE", "learningRate"],
  ["leraningRtae", "learningRate"],
  ["tpye", "type"],
  ["evaluate", "evaluateEvery"],
])("%s is a slip for %s", (word, expected) => expect(nearest(word, keys)).toBe(expected));

test.each(["lr", "lora_r", "cutoff_len", "eval_steps", "x", "", "le", "a".repeat(1e6), "optim"])(
  "%.20s is another word",
  (word) => expect(nearest(word, keys)).toBeUndefined(),
);

test("a beginning that several have says nothing", () =>
  expect(nearest("max", ["maxSteps", "maxLength"])).toBeUndefined());

test("of nothing, nothing", () => expect(nearest("x", [])).toBeUndefined());
