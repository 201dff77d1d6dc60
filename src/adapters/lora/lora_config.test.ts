import { expect, test } from "vitest";
import { checkLoraConfig } from "./lora_config.ts";

const good = { type: "lora" as const, r: 8, alpha: 16, dropout: 0, targetModules: ["q_proj"] };

test("a usual configuration passes", () => checkLoraConfig(good, "recipe"));

test.each([
  [{ r: 0 }, "r must be a whole number from 1 on, got 0"],
  [{ r: 1.5 }, "r must be a whole number"],
  [{ alpha: 0 }, "alpha must be a number above 0, got 0"],
  [{ alpha: Number.NaN }, "alpha must be"],
  [{ dropout: 1 }, "dropout must be from 0 to below 1, got 1"],
  [{ dropout: -0.1 }, "dropout must be"],
])("%o is refused", (change, message) => {
  expect(() => checkLoraConfig({ ...good, ...change }, "recipe")).toThrow(`recipe: ${message}`);
});

test("all faults at once", () => {
  expect(() => checkLoraConfig({ ...good, r: -1, dropout: 2 }, "x")).toThrow(/r must be.*dropout must be/);
});
