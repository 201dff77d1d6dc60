import { describe, expect, test } from "vitest";
import { applyOverrides } from "./overrides.ts";

const recipe = { training: { epochs: 3 }, data: [{ path: "a" }], model: "m" };

describe("applyOverrides", () => {
  test.each([
    ["a number", "training.epochs=1", { ...recipe, training: { epochs: 1 } }],
    ["a new key", "seed=7", { ...recipe, seed: 7 }],
    ["a new object", "adapter.r=4", { ...recipe, adapter: { r: 4 } }],
    [
      "a list",
      "adapter.targetModules=[q_proj, v_proj]",
      { ...recipe, adapter: { targetModules: ["q_proj", "v_proj"] } },
    ],
    ["a list's item", "data.0.path=b", { ...recipe, data: [{ path: "b" }] }],
    ["one more item", "data.1.path=b", { ...recipe, data: [{ path: "a" }, { path: "b" }] }],
    ["text with =", "model=a=b", { ...recipe, model: "a=b" }],
    ["a quoted number", 'model="7"', { ...recipe, model: "7" }],
  ])("puts in %s", (_, override, expected) => {
    expect(applyOverrides(recipe, [override])).toEqual(expected);
  });

  test("null takes a key out", () => {
    expect(applyOverrides(recipe, ["training=null", "nothing=null"])).toEqual({
      data: [{ path: "a" }],
      model: "m",
    });
  });

  test("steps take the place of epochs, and the other way round, unless both are set", () => {
    expect(applyOverrides(recipe, ["training.maxSteps=5"])).toMatchObject({ training: { maxSteps: 5 } });
    expect(applyOverrides(recipe, ["training.maxSteps=5"])).not.toHaveProperty("training.epochs");
    const steps = { training: { maxSteps: 5, batchSize: 2 } };
    expect(applyOverrides(steps, ["training.epochs=1"])).toEqual({ training: { epochs: 1, batchSize: 2 } });
    const both = ["training.epochs=1", "training.maxSteps=5"];
    expect(applyOverrides(recipe, both)).toMatchObject({ training: { epochs: 1, maxSteps: 5 } });
    expect(applyOverrides({}, ["training.maxSteps=5"])).toEqual({ training: { maxSteps: 5 } });
  });

  test("leaves the original alone", () => {
    applyOverrides(recipe, ["training.epochs=1", "data.0.path=b"]);
    expect(recipe).toEqual({ training: { epochs: 3 }, data: [{ path: "a" }], model: "m" });
  });

  test("reaches no prototype", () => {
    const result = applyOverrides({}, ["__proto__.polluted=1", "constructor.prototype.polluted=1"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.keys(result as object)).toEqual(["__proto__", "constructor"]); // for the schema to refuse
  });

  test.each([
    ["training.epochs", /--set training\.epochs: expected key=value/],
    ["=1", /expected key=value/],
    ["model.name=1", /model holds no keys/],
    ["data.x=1", /data is a list of 1; x is no place in it/],
    ["data.5.path=b", /data is a list of 1; 5 is no place in it/],
    ["model=[", /--set model: /],
  ])("refuses %s", (override, message) => {
    expect(() => applyOverrides(recipe, [override])).toThrow(message);
  });
});
