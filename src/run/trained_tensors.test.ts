import { expect, test } from "vitest";
import { modelLayout } from "../models/layout.ts";
import { openModel } from "../pretrained/open_model.ts";
import { goldenPath } from "../testing/goldens.ts";
import { trainedTensors } from "./trained_tensors.ts";

test("an image encoder that text isn't computed with is kept as it is", async () => {
  const { directory, model } = await openModel(goldenPath("families/gemma3"));
  const trainables = Array.from(modelLayout(model).parameters, ([name, shape]) => ({
    ...{ name, shape: shape as number[], data: new Float32Array(1) },
    ...{ decayed: true, dtype: "float32" as const },
  }));
  const names = trainedTensors({ directory }, trainables).map(({ name }) => name);
  expect(names.toSorted()).toEqual([...directory.tensors.keys()].sort());
  expect(names.filter((name) => name.startsWith("model.vision_tower.")).length).toBeGreaterThan(10);
});
