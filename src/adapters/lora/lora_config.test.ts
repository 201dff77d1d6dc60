import { expect, test } from "vitest";
import { checkLoraConfig, type LoraConfig, loraSchema } from "./lora_config.ts";

const good: LoraConfig = { type: "lora", r: 8, alpha: 16, dropout: 0, targetModules: ["q_proj"] };

test("a usual configuration passes", () => {
  expect(loraSchema.parse(good)).toEqual(good);
  checkLoraConfig(good, "recipe");
});

test.each([
  { r: 0 },
  { r: 1.5 },
  { alpha: 0 },
  { alpha: Number.NaN },
  { dropout: 1 },
  { dropout: -0.1 },
  { rankPattern: { q_proj: 0 } },
])("%o is out of range", (change) => {
  expect(loraSchema.safeParse({ ...good, ...change }).success).toBe(false);
});

test("what contradicts itself is named, all at once", () => {
  const change = { targetModules: "q", layersToTransform: 1, useDora: true, initLoraWeights: "pissa" };
  expect(() => checkLoraConfig({ ...good, ...change }, "recipe")).toThrow(
    /^recipe: some settings .*\n {2}layersToTransform and layersPattern need .*\n {2}initLoraWeights pissa together with useDora/,
  );
});
